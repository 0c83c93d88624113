import { passwordVault } from './password-vault.ts'
import { secretTool } from './secret-tool.ts'
import { security } from './security.ts'

/** Names an entry of a keyring. */
export interface KeyringEntry {
  /** The program. */
  service: string
  /** The issuer and the client. */
  account: string
}

/** The keyring of the system, by the tool that the system has for it. */
export interface Keyring {
  /** @returns false if it could not be stored: there is no keyring, or it is locked */
  set(entry: KeyringEntry, secret: string): Promise<boolean>
  /** @returns undefined if there is no such entry, or no keyring */
  get(entry: KeyringEntry): Promise<string | undefined>
  delete(entry: KeyringEntry): Promise<void>
}

/** The keyring of this system. */
export function systemKeyring(platform: string = process.platform): Keyring {
  if (platform === 'darwin') return security
  return platform === 'win32' ? passwordVault : secretTool
}

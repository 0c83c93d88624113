import { runTool } from '../run.ts'
import type { Keyring, KeyringEntry } from './keyring.ts'

const TOOL = '/usr/bin/security'
const words = ({ service, account }: KeyringEntry) => ['-s', service, '-a', account]
const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/**
 * The keychain of macOS, by `security`. A command of its interactive mode stores the secret, since other processes can read
 * arguments. Base64 needs no quoting there.
 */
export const security: Keyring = {
  async set(entry, secret) {
    const encoded = Buffer.from(secret).toString('base64')
    const command = ['add-generic-password', '-U', ...words(entry).map(quoted), '-w', encoded].join(' ')
    // The interactive mode does not report a failure, and cuts long lines off.
    return (await runTool(TOOL, ['-i'], `${command}\n`)) !== undefined && (await security.get(entry)) === secret
  },
  async get(entry) {
    const found = await runTool(TOOL, ['find-generic-password', ...words(entry), '-w'])
    return found && Buffer.from(found.trim(), 'base64').toString()
  },
  async delete(entry) {
    await runTool(TOOL, ['delete-generic-password', ...words(entry)])
  },
}

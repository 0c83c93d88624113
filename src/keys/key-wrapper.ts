import type { JWK } from 'jose'
import { deriveKey } from '../config/app-key.ts'
import { StartupError } from '../errors/errors.ts'
import { decryptWith, encryptWith, fromBytes, toBytes } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'

/** Encrypts private keys at rest. */
export interface KeyWrapper {
  wrapKey(key: JWK, kid: string): Promise<string>
  /** @throws StartupError when the key was wrapped under another APP_KEY, or the row was tampered with */
  unwrapKey(wrapped: string, kid: string): Promise<JWK>
}

export const signingKeySecret = (appKey: string): Uint8Array => deriveKey(appKey, 'postern signing keys')

export function createKeyWrapper(ring: KeyRing): KeyWrapper {
  const keys = ring.derive(signingKeySecret)
  return {
    wrapKey: (key, kid) => encryptWith(keys, toBytes(key), { kid }),
    async unwrapKey(wrapped, kid) {
      const { plain, header } = await decryptWith(keys, wrapped).catch(error => {
        throw new StartupError(
          `The signing key ${kid} in oauth_signing_keys cannot be decrypted: ` +
            'APP_KEY is not the key that this database was created with, or the row was tampered with.',
          error,
        )
      })
      // The header is authenticated, so a wrapped key cannot be copied to another row.
      if (header.kid !== kid) throw tampered(kid)
      return fromBytes<JWK>(plain)
    },
  }
}

/** The error for a row that does not match its wrapped key. @param kid the id of the row */
export const tampered = (kid: string) =>
  new StartupError(
    `The signing key ${kid} in oauth_signing_keys was tampered with: it is neither published nor trusted. ` +
      `Withdraw it: postern keys revoke ${kid}`,
  )

import { CompactEncrypt, compactDecrypt, type JWK } from 'jose'
import { deriveKey } from '../config/app-key.ts'
import { StartupError } from '../errors/errors.ts'

/** Encrypts private keys at rest (JWE, RFC 7516: `dir`, A256GCM). */
export interface KeyWrapper {
  wrapKey(key: JWK, kid: string): Promise<string>
  /** @throws StartupError when the key was wrapped under another APP_KEY, or the row was tampered with */
  unwrapKey(wrapped: string, kid: string): Promise<JWK>
}

/** @param appKey at least 32 random bytes in base64 */
export function createKeyWrapper(appKey: string): KeyWrapper {
  const secret = deriveKey(appKey, 'postern signing keys')
  return {
    wrapKey: (key, kid) =>
      new CompactEncrypt(new TextEncoder().encode(JSON.stringify(key)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid })
        .encrypt(secret),
    async unwrapKey(wrapped, kid) {
      const { plaintext, protectedHeader } = await compactDecrypt(wrapped, secret).catch(error => {
        throw new StartupError(
          `The signing key ${kid} in oauth_signing_keys cannot be decrypted: ` +
            'APP_KEY is not the key that this database was created with, or the row was tampered with.',
          error,
        )
      })
      // The header is authenticated, so a wrapped key cannot be copied to another row.
      if (protectedHeader.kid !== kid) throw tampered(kid)
      return JSON.parse(new TextDecoder().decode(plaintext))
    },
  }
}

/** The error for a row that does not match its wrapped key. @param kid the id of the row */
export const tampered = (kid: string) =>
  new StartupError(
    `The signing key ${kid} in oauth_signing_keys was tampered with: it is neither published nor trusted. ` +
      `Withdraw it: postern keys revoke ${kid}`,
  )

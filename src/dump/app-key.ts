import { deriveKey } from '../config/app-key.ts'
import { StartupError } from '../errors/errors.ts'
import type { Header } from './format.ts'

/** A check value to compare two keys: equal for equal keys, and it does not reveal the key (HKDF, RFC 5869). */
export const appKeyCheck = (appKey: string) => Buffer.from(deriveKey(appKey, 'dump')).toString('base64url')

/**
 * Returns the key that the secrets in a dump are encrypted with.
 * @param keys the available keys; the first one that is defined is used, else the key in the dump
 * @throws StartupError when there is no key, or it is a different one
 */
export function requireAppKey(header: Header, keys: readonly (string | undefined)[]): string {
  const key = [...keys, header.app_key].find(key => key !== undefined)
  if (!key) {
    throw new StartupError(
      'its secrets are encrypted with an APP_KEY that it does not contain. Set APP_KEY to that key.',
    )
  }
  if (appKeyCheck(key) === header.app_key_check) return key
  throw new StartupError(
    'its secrets are encrypted with another APP_KEY. Set APP_KEY to the key of the deployment that it comes from; an embedded database has its key in DATA_DIR/app.key.',
  )
}

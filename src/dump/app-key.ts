import { deriveKey } from '../config/app-key.ts'
import { StartupError } from '../errors/errors.ts'
import type { Header } from './format.ts'

/** A check value to compare two keys: equal for equal keys, and it does not reveal the key (HKDF, RFC 5869). */
export const appKeyCheck = (appKey: string) => Buffer.from(deriveKey(appKey, 'dump')).toString('base64url')

/**
 * Returns the key that the secrets in a dump are encrypted with.
 * @param keys the available keys; if none is defined, the key in the dump is used
 * @throws StartupError when there is no key, or all are different ones
 */
export function requireAppKey(header: Header, keys: readonly (string | undefined)[]): string {
  const given = keys.filter(key => key !== undefined)
  const candidates = given.length > 0 ? given : [header.app_key].filter(key => key !== undefined)
  if (candidates.length === 0) {
    throw new StartupError(
      'its secrets are encrypted with an APP_KEY that it does not contain. Set APP_KEY to that key.',
    )
  }
  const key = candidates.find(each => appKeyCheck(each) === header.app_key_check)
  if (key) return key
  throw new StartupError(
    'its secrets are encrypted with another APP_KEY. Set APP_KEY to the key of the deployment that it comes from; an embedded database has its key in DATA_DIR/app.key.',
  )
}

import { deriveKey } from '../config/app-key.ts'
import { StartupError } from '../errors/errors.ts'
import type { Header } from './format.ts'

/** Equal for equal keys; nobody gets from it to the key (HKDF, RFC 5869). */
export const appKeyCheck = (appKey: string) => Buffer.from(deriveKey(appKey, 'dump')).toString('base64url')

/**
 * The key that the secrets in a dump are sealed with.
 * @param keys those that are at hand, the first that is there counts
 * @throws StartupError when it is another one, or there is none
 */
export function requireAppKey(header: Header, keys: readonly (string | undefined)[]): string {
  const key = [...keys, header.app_key].find(key => key !== undefined)
  if (!key) {
    throw new StartupError('its secrets are sealed with an APP_KEY that it does not contain. Set APP_KEY to that key.')
  }
  if (appKeyCheck(key) === header.app_key_check) return key
  throw new StartupError(
    'its secrets are sealed with another APP_KEY. Set APP_KEY to the key of the deployment that it comes from; an embedded database has its key in DATA_DIR/app.key.',
  )
}

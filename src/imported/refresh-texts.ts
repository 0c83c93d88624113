import { storable } from '../http/time.ts'
import { decryptWith, encryptWith, fromBytes, keyUnder, toBytes } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { createLimit } from '../security/limit.ts'
import { decryptDefuse, isDefuse, laravelKey } from './defuse.ts'
import type { ImportSource } from './source.entity.ts'
import type { ImportSources } from './sources.ts'

/** What a refresh token of Passport contains, encrypted. */
export interface ImportedRefresh {
  source: ImportSource
  /** Its id in the source. */
  id: string
  accessToken: string
  client: string
  user: string | null
  scopes: string[]
  /** Milliseconds since the epoch. */
  expiresAt: number
}

/**
 * Reads a refresh token of another system.
 * @returns undefined if none of the sources encrypted it
 * @throws 503 if too many are being read
 */
export type ReadImportedRefresh = (text: string) => Promise<ImportedRefresh | undefined>

const PURPOSE = 'postern import source key'
/** Deriving a key takes a tenth of a second of a thread. */
const MAX_RUNNING = 2
const MAX_WAITING = 50

/** The key that the keys of sources are encrypted with. */
export const sourceKeySecret = (appKey: string): Uint8Array => keyUnder(appKey, PURPOSE)

/** Encrypts the key of a source for storage. */
export const encryptSourceKey = (ring: KeyRing, key: string): Promise<string> =>
  encryptWith(ring.derive(sourceKeySecret), toBytes(key))

export function createReadImportedRefresh(sources: ImportSources, ring: KeyRing): ReadImportedRefresh {
  const keys = ring.derive(sourceKeySecret)
  const limited = createLimit(MAX_RUNNING, MAX_WAITING)

  async function decrypt(text: string): Promise<ImportedRefresh | undefined> {
    for (const source of await sources.all()) {
      if (source.encryptedKey === null) continue
      const key = fromBytes<string>((await decryptWith(keys, source.encryptedKey)).plain)
      const plain = await decryptDefuse(text, laravelKey(key))
      if (plain !== undefined) return parse(source, plain)
    }
    return undefined
  }

  return async text => (isDefuse(text) ? limited(() => decrypt(text)) : undefined)
}

/** A code is encrypted with the same key, and has no `refresh_token_id`. */
function parse(source: ImportSource, plain: string): ImportedRefresh | undefined {
  const json = JSON.parse(plain) as Record<string, unknown>
  const {
    refresh_token_id: id,
    access_token_id: accessToken,
    client_id: client,
    user_id: user,
    expire_time: end,
  } = json
  if (typeof id !== 'string' || typeof accessToken !== 'string') return undefined
  const scopes = Array.isArray(json.scopes) ? json.scopes.filter(one => typeof one === 'string') : []
  return {
    source,
    id,
    accessToken,
    client: String(client),
    user: user === null || user === undefined || user === '' ? null : String(user),
    scopes,
    expiresAt: storable(Number(end) * 1_000).getTime(),
  }
}

import { createHmac } from 'node:crypto'
import { deriveKey } from '../config/app-key.ts'
import type { Database } from '../database/database.ts'
import { decryptWith, encryptWith } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'

/** What is stored in place of the hash of a text that only the key of its source can open. */
export type RefreshHash = (source: string, id: string) => Buffer

const NAME = 'imported_refresh_key'
const derivedKey = (appKey: string) => deriveKey(appKey, 'postern imported refresh tokens')
/** What the stored key is encrypted with. */
export const refreshKeySecret = (appKey: string): Uint8Array => deriveKey(appKey, 'postern imported refresh key')

/**
 * An HMAC: the other rows are found by the SHA-256 of any text that a client sends, so a plain hash of the id would make
 * the id itself a refresh token. Its key is derived from `APP_KEY`, and stored before that is changed for the first time
 * (`storeRefreshKey`), since the rows keep their hashes.
 */
export async function loadRefreshHash(db: Database, ring: KeyRing): Promise<RefreshHash> {
  const { active } = ring
  const stored = await readRefreshKey(db)
  const key = stored ? (await decryptWith(ring.derive(refreshKeySecret), stored)).plain : derivedKey(active.text)
  return (source, id) => createHmac('sha256', key).update(`${source} refresh ${id}`).digest()
}

async function readRefreshKey(db: Database): Promise<string | undefined> {
  const [row] = await db.query<{ key: string }>("select value->>'key' as key from settings where name = ?", [NAME])
  return row?.key
}

/** Stores the key that is derived from the active `APP_KEY`, unless a key is stored already. */
export async function storeRefreshKey(db: Database, ring: KeyRing): Promise<void> {
  if ((await readRefreshKey(db)) !== undefined) return
  const key = await encryptWith(ring.derive(refreshKeySecret), derivedKey(ring.active.text))
  await db.query('insert into settings (name, value) values (?, ?::jsonb) on conflict (name) do nothing', [
    NAME,
    JSON.stringify({ key }),
  ])
}

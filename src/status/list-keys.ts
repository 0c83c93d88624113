import { createHmac } from 'node:crypto'
import { deriveKey } from '../config/app-key.ts'
import type { Database } from '../database/database.ts'
import { decryptWith, encryptWith, fromBytes, toBytes } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'

/**
 * The keys of the permutations of status lists. With another key, a position would give an index that another token may
 * have. So each list keeps the key that it began with, also when `APP_KEY` changes (docs/adr/0077).
 */
export interface ListKeys {
  /** @param stored the column of the list */
  open(list: number, stored: string | null): Promise<string>
  /** The column of a new list. */
  create(list: number): Promise<string>
  /** Stores the keys of lists from before the column, while the key that they are derived from is active. */
  storeAll(): Promise<void>
}

/** What the keys of lists are encrypted with. */
export const listKeySecret = (appKey: string): Uint8Array => deriveKey(appKey, 'postern status list keys')

export function createListKeys(db: Database, ring: KeyRing): ListKeys {
  const keys = ring.derive(listKeySecret)
  // Derived, because nodes of the version before the column assign indices in the same lists during an upgrade.
  // The key is the normalized text of APP_KEY: with another spelling, indices would be assigned twice.
  const derived = (list: number) =>
    createHmac('sha256', ring.active.text).update(`status list ${list}`).digest('base64')
  const create = (list: number) => encryptWith(keys, toBytes(derived(list)))

  return {
    create,
    open: async (list, stored) =>
      stored === null ? derived(list) : fromBytes<string>((await decryptWith(keys, stored)).plain),
    async storeAll() {
      const rows = await db.query<{ id: number }>('select id from oauth_status_lists where permutation_key is null')
      for (const { id } of rows) {
        await db.query('update oauth_status_lists set permutation_key = ? where id = ? and permutation_key is null', [
          await create(id),
          id,
        ])
      }
    },
  }
}

import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'
import { createKeyRing, type KeyRing } from '../security/key-ring.ts'
import { createKeyWrapper } from './key-wrapper.ts'

/** Which `APP_KEY` the database is encrypted with, by id. */
export interface ActiveAppKey {
  active: string
  /** Keys that something may still be encrypted with; empty when no change is in progress. */
  previous: string[]
}

const NAME = 'app_key'

/** @returns undefined before the first start of a version that stores it */
export async function readActiveAppKey(db: Database, em?: Em): Promise<ActiveAppKey | undefined> {
  const [row] = await db.query<{ value: ActiveAppKey }>('select value from settings where name = ?', [NAME], em)
  return row?.value
}

export const writeActiveAppKey = (db: Database, value: ActiveAppKey, em?: Em): Promise<unknown> =>
  db.query(
    'insert into settings (name, value) values (?, ?::jsonb) on conflict (name) do update set value = excluded.value',
    [NAME, JSON.stringify(value)],
    em,
  )

/** Makes that key of the ring active which the database says, now and with each change that this node is notified of. */
export function followActiveKey(db: Database, bus: InvalidationBus, ring: KeyRing): void {
  if (ring.all.length === 1) return
  const activate = async () => {
    const stored = await readActiveAppKey(db)
    if (stored) ring.activate(stored.active)
  }
  bus.subscribe(({ kind }) => {
    // A node that receives no notifications gets `everything` once it receives them again.
    if (kind === 'keys' || kind === 'everything') void activate().catch(() => {})
  })
  void activate().catch(() => {})
}

const UNDEFINED_TABLE = '42P01'

/** Makes the right key of the ring active, for a database that may not be migrated, or that an earlier version used. */
export async function chooseActiveKey(db: Database, ring: KeyRing): Promise<void> {
  try {
    const stored = await readActiveAppKey(db)
    const id = stored?.active ?? (ring.all.length > 1 ? await keyOfSigningKeys(db, ring) : undefined)
    if (id) ring.activate(id)
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNDEFINED_TABLE) throw error
  }
}

/** Earlier versions did not store which key they used, but their signing keys show it. */
async function keyOfSigningKeys(db: Database, ring: KeyRing): Promise<string | undefined> {
  const [row] = await db.query<{ id: string; private_key: string }>(
    "select id, private_key from oauth_signing_keys where state = 'current'",
  )
  if (!row) return undefined
  for (const { id, text } of ring.all) {
    const opens = createKeyWrapper(createKeyRing(text)).unwrapKey(row.private_key, row.id)
    if (
      await opens.then(
        () => true,
        () => false,
      )
    )
      return id
  }
  return undefined
}

/**
 * Stores which key is active, the first time, and requires every key that something may be encrypted with.
 * @throws StartupError that says which variable to set
 */
export async function requireActiveKey(db: Database, ring: KeyRing): Promise<void> {
  const stored = await readActiveAppKey(db)
  if (!stored) return void (await writeActiveAppKey(db, { active: ring.active.id, previous: [] }))
  const has = (id: string) => ring.all.some(key => key.id === id)
  if (!has(stored.active)) {
    throw new StartupError(
      `APP_KEY is not the key that this database is encrypted with (${stored.active}). Set APP_KEY to that key, or ` +
        'APP_KEY_PREVIOUS if you are changing it.',
    )
  }
  if (stored.previous.every(has)) return
  throw new StartupError(
    'postern keys rewrap has not finished, so some secrets are still encrypted with the previous APP_KEY. ' +
      'Set APP_KEY_PREVIOUS to it and run: postern keys rewrap',
  )
}

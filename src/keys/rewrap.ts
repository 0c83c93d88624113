import { setTimeout as pause } from 'node:timers/promises'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'
import { appKeyIn, decryptWith, encryptWith } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { readActiveAppKey, writeActiveAppKey } from './active-app-key.ts'

/** Texts in the database that `encryptWith` wrote. Each feature that stores such texts describes them. */
export interface EncryptedTexts {
  /** For the operator, in the plural. */
  name: string
  /** The key of the use, from an `APP_KEY`. */
  secret: (appKey: string) => Uint8Array
  /** Selects `id` and `text` by `id > ?` in ascending order, at most `?` rows. */
  select: string
  /** An id before all others. */
  first: string
  /** Sets the text: `?` the new one, `?` the id, `?` the old one, so that a change meanwhile is kept. */
  update: string
}

const FIRST = { uuid: '00000000-0000-0000-0000-000000000000', int: '0', text: '' } as const

/** Describes a column of texts; null is none. */
export const encryptedColumn = (
  { name, secret }: Pick<EncryptedTexts, 'name' | 'secret'>,
  {
    table,
    id = 'id',
    column,
    type,
    where = 'true',
  }: { table: string; id?: string; column: string; type: keyof typeof FIRST; where?: string },
): EncryptedTexts => ({
  name,
  secret,
  first: FIRST[type],
  select: `select ${id}::text as id, ${column} as text from ${table}
    where ${where} and ${column} is not null and ${id} > ?::${type} order by ${id} limit ?`,
  update: `update ${table} set ${column} = ? where ${id} = ?::${type} and ${column} = ?`,
})

/**
 * Changes the key of keys: encrypts with `APP_KEY` what is encrypted with a previous one.
 * @throws StartupError when a running node does not have both keys, or a text cannot be decrypted
 */
export type Rewrap = () => Promise<RewrapReport>

export interface RewrapReport {
  /** The id of `APP_KEY`. */
  active: string
  /** Number of texts that were encrypted anew, by name. */
  rewrapped: Record<string, number>
}

export interface RewrapOptions {
  db: Database
  bus: InvalidationBus
  ring: KeyRing
  /** The id of `APP_KEY`, which becomes active. */
  target: string
  texts: readonly EncryptedTexts[]
  /** Stores keys that are derived from the active key, before another one becomes active. */
  storeDerived: () => Promise<void>
  /** Milliseconds to wait for nodes to hear of the change. */
  maxWaitMs?: number
}

const BATCH = 500
const POLL_MS = 100
const SETTLE_MS = 1_000

/** Every step can be repeated, so the next run completes an interrupted one (docs/adr/0077). See `Rewrap`. */
export async function rewrap(options: RewrapOptions): Promise<RewrapReport> {
  const { db, bus, ring, target, texts, storeDerived, maxWaitMs = 15_000 } = options
  const stored = (await readActiveAppKey(db)) ?? { active: ring.active.id, previous: [] }
  if (stored.active !== target) {
    await requireKeysOnNodes(db, [target, stored.active])
    await storeDerived()
    await bus.transaction(async (em, publish) => {
      await writeActiveAppKey(db, { active: target, previous: [...new Set([...stored.previous, stored.active])] }, em)
      writeAudit(em, { kind: 'app_key.changed', details: { from: stored.active, to: target } })
      publish({ kind: 'keys' })
    })
  }
  ring.activate(target)
  await waitForNodes(db, target, maxWaitMs)
  const rewrapped: Record<string, number> = {}
  for (const each of texts) rewrapped[each.name] = await rewrapTexts(db, ring, each)
  await writeActiveAppKey(db, { active: target, previous: [] })
  return { active: target, rewrapped }
}

interface NodeKeys {
  name: string
  app_keys: string[] | null
}

/** The nodes that have not stopped. */
const liveNodes = (db: Database) =>
  db.query<NodeKeys>("select name, app_keys from nodes where seen_at > clock_timestamp() - interval '5 seconds'")

async function requireKeysOnNodes(db: Database, ids: string[]): Promise<void> {
  const lacking = (await liveNodes(db)).filter(({ app_keys: has }) => !ids.every(id => has?.includes(id)))
  if (lacking.length === 0) return
  throw new StartupError(
    `These nodes do not have the new APP_KEY and the previous one: ${lacking.map(node => node.name).join(', ')}. Restart ` +
      'them with APP_KEY and APP_KEY_PREVIOUS, then run this command again.',
  )
}

/** A node that has not heard of the change still encrypts with the previous key. */
async function waitForNodes(db: Database, active: string, maxWaitMs: number): Promise<void> {
  const end = performance.now() + maxWaitMs
  for (;;) {
    const behind = (await liveNodes(db)).filter(({ app_keys: keys }) => keys?.[0] !== active)
    // What a node encrypted just before it heard of the change may be stored only now.
    if (behind.length === 0) return void (await pause((await liveNodes(db)).length > 0 ? SETTLE_MS : 0))
    if (performance.now() > end) {
      const names = behind.map(node => node.name).join(', ')
      throw new StartupError(`These nodes still use the previous APP_KEY: ${names}. Restart them, then run this again.`)
    }
    await pause(POLL_MS)
  }
}

/** @returns how many texts were encrypted anew */
async function rewrapTexts(
  db: Database,
  ring: KeyRing,
  { name, secret, select, first, update }: EncryptedTexts,
): Promise<number> {
  const keys = ring.derive(secret)
  let count = 0
  for (let after = first; ; ) {
    const rows = await db.query<{ id: string; text: string }>(select, [after, BATCH])
    for (const { id, text } of rows) {
      if (appKeyIn(text) === ring.active.id) continue
      const { plain, header } = await decryptWith(keys, text).catch(error => {
        throw new StartupError(
          `The ${name} cannot all be decrypted: ${id} has another APP_KEY, or was tampered with.`,
          error,
        )
      })
      const { alg: _alg, enc: _enc, app_key: _key, ...own } = header
      await db.query(update, [await encryptWith(keys, plain, own as Record<string, string>), id, text])
      count++
    }
    if (rows.length < BATCH) return count
    after = (rows.at(-1) as { id: string }).id
  }
}

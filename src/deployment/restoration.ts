import { writeAudit } from '../audit/audit.ts'
import type { Database, Em } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'

/** What an operator declared about a restored database, and what resource servers reported since (docs/adr/0078). */
export interface Restoration {
  /** RFC 3339, by the clock of the database. */
  declaredAt: string
  /** The last status list before the declaration. Tokens that were issued since have later lists. */
  lastList: number
  /** Until when revocations are collected; null: never. */
  until: string | null
  isOpen: boolean
  /** Ids of the clients that they are collected from; null: all confidential resource servers. */
  clients: readonly string[] | null
  /** How many were recovered, by the id of the client that reported them. */
  recovered: Readonly<Record<string, number>>
}

/** The window in which revocations are collected. */
export interface CollectionWindow {
  seconds: number
  /** null: all confidential resource servers. */
  clients: readonly string[] | null
}

/** As stored in the settings. */
interface Stored {
  declared_at: string
  last_list: number
  until: string | null
  clients: string[] | null
  recovered: Record<string, number>
}

const READ = `
  select value, coalesce((value->>'until')::timestamptz > clock_timestamp(), false) as open
  from settings where name = 'restoration'`

/**
 * Every request reads it, since it is rare and any node may have written it.
 * @param em reads in its transaction, and locks it there
 * @returns undefined: nobody has declared a restore
 */
export async function readRestoration(db: Database, em?: Em): Promise<Restoration | undefined> {
  const sql = em ? `${READ} for update` : READ
  const [row] = await db.query<{ value: Stored; open: boolean }>(sql, [], em)
  if (!row) return undefined
  const { declared_at: declaredAt, last_list: lastList, until, clients, recovered } = row.value
  return { declaredAt, lastList, until, isOpen: row.open, clients, recovered }
}

/**
 * Stores that the database was restored, before a node has started on it. Nothing is collected before `openCollection`, whatever
 * the backup says.
 */
export const DECLARE_RESTORED = `
  insert into settings (name, value)
  select 'restoration', jsonb_build_object('declared_at', clock_timestamp(), 'until', null, 'clients', null,
    'recovered', '{}'::jsonb, 'last_list', (select coalesce(max(id), 0) from oauth_status_lists))
  on conflict (name) do update set value = excluded.value`

const SET_WINDOW = `
  update settings set value = value || jsonb_build_object('until', clock_timestamp() + ? * interval '1 second',
    'clients', ?::jsonb)
  where name = 'restoration' returning value`

const INDEX = 'oauth_access_tokens_restored_index'
const VALID_INDEX =
  'select pg_get_indexdef(indexrelid) as definition from pg_index where indexrelid = to_regclass(?) and indisvalid'

/**
 * Collects lost revocations from now on, of tokens from before the declaration. Nodes may run.
 * @throws StartupError when nobody has declared a restore
 */
export async function openCollection(db: Database, { seconds, clients }: CollectionWindow): Promise<void> {
  const restoration = await readRestoration(db)
  if (!restoration) throw new StartupError(`${NOT_DECLARED} Run postern restored --collect without --reopen.`)
  await indexReferences(db, restoration)
  await setWindow(db, { seconds, clients }, 'collection.opened')
}

/** Stops the collection. @throws StartupError when nobody has declared a restore */
export async function closeCollection(db: Database): Promise<void> {
  const restoration = await readRestoration(db)
  if (!restoration) throw new StartupError(`${NOT_DECLARED} Nothing is collected.`)
  await setWindow(db, { seconds: 0, clients: restoration.clients }, 'collection.closed')
}

const NOT_DECLARED = 'Nobody has declared that this database was restored.'

function setWindow(
  db: Database,
  { seconds, clients }: CollectionWindow,
  kind: 'collection.opened' | 'collection.closed',
): Promise<void> {
  return db.transaction(async em => {
    const [row] = (await em.execute(SET_WINDOW, [seconds, JSON.stringify(clients)])) as [{ value: Stored }]
    writeAudit(em, { kind, details: { until: row.value.until, clients } })
  })
}

/** A role that does not own the tables may not create the index. Then each report reads the whole table. */
const NO_PRIVILEGE = '42501'

/**
 * Reports name tokens by their status references, which nothing else looks up. New tokens are not in the index, so it costs
 * nothing later. Nodes go on meanwhile.
 */
async function indexReferences(db: Database, { lastList }: Restoration): Promise<void> {
  const concurrently = db.embedded ? '' : 'concurrently'
  try {
    const [index] = await db.query<{ definition: string }>(VALID_INDEX, [INDEX])
    // Reports go on to use it.
    if (index?.definition.includes(`(status_list <= ${lastList})`)) return
    await db.query(`drop index ${concurrently} if exists ${INDEX}`)
    await db.query(
      `create index ${concurrently} ${INDEX} on oauth_access_tokens (status_list, status_index)
       where not revoked and status_list <= ${lastList}`,
    )
  } catch (error) {
    // The database is reported as unavailable, with the error of PostgreSQL as the cause.
    const { code } = ((error as Error).cause ?? error) as { code?: unknown }
    if (code !== NO_PRIVILEGE) throw error
  }
}

const COUNT = `
  update settings
  set value = jsonb_set(value, array['recovered', ?], to_jsonb(coalesce((value->'recovered'->>?)::int, 0) + ?))
  where name = 'restoration'`

/** Adds to what a client recovered, in the transaction of `em`. */
export async function countRecovered(em: Em, clientId: string, count: number): Promise<void> {
  await em.execute(COUNT, [clientId, clientId, count])
}

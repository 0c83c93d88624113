import { grants } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'

/** A use of a token that is not yet in the database. */
export interface TokenUse {
  id: string
  /** Milliseconds since the epoch. */
  at: number
  /** Scopes that checks required and the token had. */
  scopes: Iterable<string>
}

/** When a token was last used, including uses that are not yet in the database. */
export interface LastUse {
  lastUsedAt: Date | null
  /** Those of its scopes that no check has required yet. */
  unusedScopes: string[]
}

interface Row {
  id: string
  scopes: string[]
  lastUsedAt: Date | null
  usedScopes: string[] | null
}

/** Tracks when tokens were last used and with which scopes, without a write for each request. */
export interface Usage {
  /** @param at milliseconds since the epoch */
  touch(id: string, at?: number): void
  /** Records that a check required these scopes and the token had them. */
  noteScopes(id: string, scopes: readonly string[]): void
  /** Combines the row with uses that are not yet written. */
  lastUse(token: Row): LastUse
  /** Writes uses that a resource server reported, immediately. */
  write(uses: readonly TokenUse[]): Promise<void>
  /** Writes pending uses, thousands of tokens per statement. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface UsageOptions {
  db: Database
  /** Whether `a` grants `a:b` in the catalogue. */
  inherit?: boolean
  /** Milliseconds between writes. A token is written at most once per interval, and a crash loses at most one interval. */
  intervalMs?: number
  onError?: (error: unknown) => void
}

interface PendingUse {
  at: number
  scopes: Set<string> | undefined
}

const MAX_PER_STATEMENT = 5_000
const NONE: ReadonlySet<string> = new Set()

export function createUsage({ db, inherit = false, intervalMs = 60_000, onError = () => {} }: UsageOptions): Usage {
  let pendingUses = new Map<string, PendingUse>()
  const timer = setInterval(() => void flush().catch(onError), intervalMs).unref()

  function getOrAdd(id: string, at: number): PendingUse {
    const pending = pendingUses.get(id)
    if (!pending) {
      const first = { at, scopes: undefined }
      pendingUses.set(id, first)
      return first
    }
    pending.at = at
    return pending
  }

  async function flush(): Promise<void> {
    if (pendingUses.size === 0) return
    const flushed = pendingUses
    pendingUses = new Map()
    try {
      await writeAll(
        db,
        [...flushed].map(([id, { at, scopes = NONE }]) => ({ id, at, scopes })),
      )
    } catch (error) {
      for (const [id, { at, scopes = NONE }] of flushed) {
        const pending = getOrAdd(id, Math.max(at, pendingUses.get(id)?.at ?? 0))
        pending.scopes = new Set([...(pending.scopes ?? NONE), ...scopes])
      }
      throw error
    }
  }

  return {
    touch: (id, at = Date.now()) => void getOrAdd(id, at),
    noteScopes(id, scopes) {
      const pending = pendingUses.get(id) ?? getOrAdd(id, Date.now())
      pending.scopes ??= new Set()
      for (const scope of scopes) pending.scopes.add(scope)
    },
    lastUse({ id, scopes, lastUsedAt, usedScopes }) {
      const pending = pendingUses.get(id)
      const used = [...(usedScopes ?? []), ...(pending?.scopes ?? [])]
      const at = Math.max(lastUsedAt?.getTime() ?? 0, pending?.at ?? 0)
      return { lastUsedAt: at > 0 ? new Date(at) : null, unusedScopes: unused(scopes, used, inherit) }
    },
    write: batch => writeAll(db, batch),
    flush,
    async close() {
      clearInterval(timer)
      await flush().catch(onError)
    },
  }
}

/** A scope counts as used if it alone would have granted a used scope; `*` is used with any scope. */
const unused = (scopes: readonly string[], used: readonly string[], inherit: boolean) =>
  scopes.filter(scope => !used.some(one => grants(new Set([scope]), one, inherit)))

async function writeAll(db: Database, uses: readonly TokenUse[]): Promise<void> {
  // All nodes lock rows in the same order, so that two nodes that write the same tokens cannot deadlock.
  const batch = uses.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (let i = 0; i < batch.length; i += MAX_PER_STATEMENT) await write(db, batch.slice(i, i + MAX_PER_STATEMENT))
}

function write(db: Database, batch: readonly TokenUse[]): Promise<unknown> {
  const uses = batch.map(({ id, at, scopes }) => ({ id, at: new Date(at).toISOString(), scopes: [...scopes] }))
  return db.transaction(em => em.execute(WRITE, [JSON.stringify(uses)]))
}

const USED_SCOPES = `coalesce(t.used_scopes, '[]'::jsonb)`

/** Updates only rows that change. */
const WRITE = `
  with uses as materialized (
    select t.id, u.at, u.scopes from jsonb_to_recordset(?::jsonb) as u(id uuid, at timestamptz, scopes jsonb)
    join oauth_access_tokens t on t.id = u.id
    where t.last_used_at is null or t.last_used_at < u.at or not ${USED_SCOPES} @> u.scopes
    order by t.id for update of t
  )
  update oauth_access_tokens t set
    last_used_at = greatest(t.last_used_at, uses.at),
    used_scopes = case when ${USED_SCOPES} @> uses.scopes then t.used_scopes else (
      select jsonb_agg(distinct s) from jsonb_array_elements_text(${USED_SCOPES} || uses.scopes) s
    ) end
  from uses where t.id = uses.id`

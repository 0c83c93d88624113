import { grants } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'

/** A use of a token that is not yet in the database. */
export interface TokenUse {
  id: string
  /** Milliseconds since the epoch. */
  at: number
  /** The audience of the API where it was used; null: this server. */
  by: string | null
  /** Scopes that checks required and the token had. */
  scopes: Iterable<string>
}

/** When a token was last used, including uses that are not yet in the database. */
export interface LastUse {
  lastUsedAt: Date | null
  /** The audience of the API where it was last used; null: this server. */
  lastUsedBy: string | null
  /** Those of its scopes that no check has required yet. */
  unusedScopes: string[]
}

interface Row {
  id: string
  scopes: string[]
  lastUsedAt: Date | null
  lastUsedBy: string | null
  usedScopes: string[] | null
}

/** Tracks when tokens were last used and with which scopes, without a write for each request. */
export interface Usage {
  /**
   * @param at milliseconds since the epoch
   * @param by the audience of the API where it was used; default: this server
   */
  touch(id: string, at?: number, by?: string | null): void
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
  by: string | null
  scopes: Set<string> | undefined
}

const MAX_PER_STATEMENT = 5_000
const NONE: ReadonlySet<string> = new Set()

export function createUsage({ db, inherit = false, intervalMs = 60_000, onError = () => {} }: UsageOptions): Usage {
  let pendingUses = new Map<string, PendingUse>()
  const timer = setInterval(() => void flush().catch(onError), intervalMs).unref()

  function getOrAdd(id: string, at: number, by: string | null): PendingUse {
    const pending = pendingUses.get(id)
    if (!pending) {
      const first = { at, by, scopes: undefined }
      pendingUses.set(id, first)
      return first
    }
    pending.at = at
    pending.by = by
    return pending
  }

  /** Puts uses back that could not be written; those since then are newer. */
  function restore(uses: Map<string, PendingUse>): void {
    for (const [id, { at, by, scopes = NONE }] of uses) {
      const pending = pendingUses.get(id) ?? getOrAdd(id, at, by)
      pending.scopes = new Set([...(pending.scopes ?? NONE), ...scopes])
    }
  }

  async function flush(): Promise<void> {
    if (pendingUses.size === 0) return
    const flushed = pendingUses
    pendingUses = new Map()
    try {
      await writeAll(
        db,
        [...flushed].map(([id, { at, by, scopes = NONE }]) => ({ id, at, by, scopes })),
      )
    } catch (error) {
      restore(flushed)
      throw error
    }
  }

  return {
    touch: (id, at = Date.now(), by = null) => void getOrAdd(id, at, by),
    noteScopes(id, scopes) {
      const pending = pendingUses.get(id) ?? getOrAdd(id, Date.now(), null)
      pending.scopes ??= new Set()
      for (const scope of scopes) pending.scopes.add(scope)
    },
    lastUse({ id, scopes, lastUsedAt, lastUsedBy, usedScopes }) {
      const pending = pendingUses.get(id)
      const used = [...(usedScopes ?? []), ...(pending?.scopes ?? [])]
      const unusedScopes = unused(scopes, used, inherit)
      const isNewer = pending !== undefined && pending.at >= (lastUsedAt?.getTime() ?? 0)
      return isNewer
        ? { lastUsedAt: new Date(pending.at), lastUsedBy: pending.by, unusedScopes }
        : { lastUsedAt, lastUsedBy, unusedScopes }
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
  const uses = batch.map(({ at, scopes, ...use }) => ({ ...use, at: new Date(at).toISOString(), scopes: [...scopes] }))
  return db.transaction(em => em.execute(WRITE, [JSON.stringify(uses)]))
}

const USED_SCOPES = `coalesce(t.used_scopes, '[]'::jsonb)`

/** Updates only rows that change. */
const WRITE = `
  with uses as materialized (
    select t.id, u.at, u.by, u.scopes
    from jsonb_to_recordset(?::jsonb) as u(id uuid, at timestamptz, by text, scopes jsonb)
    join oauth_access_tokens t on t.id = u.id
    where t.last_used_at is null or t.last_used_at < u.at or not ${USED_SCOPES} @> u.scopes
    order by t.id for update of t
  )
  update oauth_access_tokens t set
    last_used_at = greatest(t.last_used_at, uses.at),
    last_used_by = case when t.last_used_at > uses.at then t.last_used_by else uses.by end,
    used_scopes = case when ${USED_SCOPES} @> uses.scopes then t.used_scopes else (
      select jsonb_agg(distinct s) from jsonb_array_elements_text(${USED_SCOPES} || uses.scopes) s
    ) end
  from uses where t.id = uses.id`

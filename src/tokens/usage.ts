import { grants } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'

/** One token's use, as far as it is not in the database yet. */
export interface TokenUse {
  id: string
  /** Milliseconds since the epoch. */
  at: number
  /** What checks asked for and the token had. */
  scopes: Iterable<string>
}

/** What is known of a token's use by now. */
export interface LastUse {
  lastUsedAt: Date | null
  /** Those of its scopes that no check has asked for yet. */
  unusedScopes: string[]
}

interface Row {
  id: string
  scopes: string[]
  lastUsedAt: Date | null
  usedScopes: string[] | null
}

/** When tokens were last used, and what for, known without a write for each request. */
export interface Usage {
  /** @param at milliseconds since the epoch */
  touch(id: string, at?: number): void
  /** A check asked for these scopes and the token had them. */
  noteScopes(id: string, scopes: readonly string[]): void
  /** What the row says, and what is not in it yet. */
  lastUse(token: Row): LastUse
  /** Writes uses that somebody else counted, at once. */
  write(uses: readonly TokenUse[]): Promise<void>
  /** Writes what is known, one statement for thousands of tokens. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface UsageOptions {
  db: Database
  /** The catalogue lets `a` grant `a:b`. */
  inherit?: boolean
  /** Milliseconds between writes: a token is written at most this often, and a crash loses at most this much. */
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

/** A scope was used when anything was that it alone would grant: `*` by whatever was asked for. */
const unused = (scopes: readonly string[], used: readonly string[], inherit: boolean) =>
  scopes.filter(scope => !used.some(one => grants(new Set([scope]), one, inherit)))

async function writeAll(db: Database, uses: readonly TokenUse[]): Promise<void> {
  // In one order on every node, so that two nodes writing the same tokens wait and do not deadlock.
  const batch = uses.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (let i = 0; i < batch.length; i += MAX_PER_STATEMENT) await write(db, batch.slice(i, i + MAX_PER_STATEMENT))
}

function write(db: Database, batch: readonly TokenUse[]): Promise<unknown> {
  const uses = batch.map(({ id, at, scopes }) => ({ id, at: new Date(at).toISOString(), scopes: [...scopes] }))
  return db.transaction(em => em.execute(WRITE, [JSON.stringify(uses)]))
}

const USED_SCOPES = `coalesce(t.used_scopes, '[]'::jsonb)`

/** A row that says it all already is left alone. */
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

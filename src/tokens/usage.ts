import { grants } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'

/** One token's use, as far as it is not in the database yet. */
export interface Use {
  id: string
  /** Milliseconds since the epoch. */
  at: number
  /** What checks asked for and the token had. */
  scopes: Iterable<string>
}

/** What is known of a token's use by now. */
export interface Seen {
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
  exercise(id: string, scopes: readonly string[]): void
  /** What the row says, and what is not in it yet. */
  seen(token: Row): Seen
  /** Writes uses that somebody else counted, at once. */
  write(uses: readonly Use[]): Promise<void>
  /** Writes what is known, one statement for thousands of tokens. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface UsageOptions {
  db: Database
  /** The catalogue lets `a` grant `a:b`. */
  inherit?: boolean
  /** Milliseconds between writes: a token is written at most this often, and a crash loses at most this much. */
  interval?: number
  onError?: (error: unknown) => void
}

interface Noted {
  at: number
  scopes: Set<string> | undefined
}

const MOST_IN_A_STATEMENT = 5_000
const NONE: ReadonlySet<string> = new Set()

export function createUsage({ db, inherit = false, interval = 60_000, onError = () => {} }: UsageOptions): Usage {
  let uses = new Map<string, Noted>()
  const timer = setInterval(() => void flush().catch(onError), interval).unref()

  function note(id: string, at: number): Noted {
    const noted = uses.get(id)
    if (!noted) {
      const first = { at, scopes: undefined }
      uses.set(id, first)
      return first
    }
    noted.at = at
    return noted
  }

  async function flush(): Promise<void> {
    if (uses.size === 0) return
    const written = uses
    uses = new Map()
    try {
      await writeAll(
        db,
        [...written].map(([id, { at, scopes = NONE }]) => ({ id, at, scopes })),
      )
    } catch (error) {
      for (const [id, { at, scopes = NONE }] of written) {
        const noted = note(id, Math.max(at, uses.get(id)?.at ?? 0))
        noted.scopes = new Set([...(noted.scopes ?? NONE), ...scopes])
      }
      throw error
    }
  }

  return {
    touch: (id, at = Date.now()) => void note(id, at),
    exercise(id, scopes) {
      const noted = uses.get(id) ?? note(id, Date.now())
      noted.scopes ??= new Set()
      for (const scope of scopes) noted.scopes.add(scope)
    },
    seen({ id, scopes, lastUsedAt, usedScopes }) {
      const noted = uses.get(id)
      const used = [...(usedScopes ?? []), ...(noted?.scopes ?? [])]
      const at = Math.max(lastUsedAt?.getTime() ?? 0, noted?.at ?? 0)
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

async function writeAll(db: Database, uses: readonly Use[]): Promise<void> {
  // In one order on every node, so that two nodes writing the same tokens wait and do not deadlock.
  const batch = uses.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (let i = 0; i < batch.length; i += MOST_IN_A_STATEMENT) await write(db, batch.slice(i, i + MOST_IN_A_STATEMENT))
}

function write(db: Database, batch: readonly Use[]): Promise<unknown> {
  const uses = batch.map(({ id, at, scopes }) => ({ id, at: new Date(at).toISOString(), scopes: [...scopes] }))
  return db.transaction(em => em.execute(WRITE, [JSON.stringify(uses)]))
}

const KNOWN = `coalesce(t.used_scopes, '[]'::jsonb)`

/** A row that says it all already is left alone. */
const WRITE = `
  with uses as materialized (
    select t.id, u.at, u.scopes from jsonb_to_recordset(?::jsonb) as u(id uuid, at timestamptz, scopes jsonb)
    join oauth_access_tokens t on t.id = u.id
    where t.last_used_at is null or t.last_used_at < u.at or not ${KNOWN} @> u.scopes
    order by t.id for update of t
  )
  update oauth_access_tokens t set
    last_used_at = greatest(t.last_used_at, uses.at),
    used_scopes = case when ${KNOWN} @> uses.scopes then t.used_scopes else (
      select jsonb_agg(distinct s) from jsonb_array_elements_text(${KNOWN} || uses.scopes) s
    ) end
  from uses where t.id = uses.id`

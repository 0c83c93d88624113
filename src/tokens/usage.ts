import type { Database } from '../database.ts'

/** When tokens were last used, known without a write for each request. */
export interface Usage {
  touch(id: string): void
  /** A use that is not in the database yet. */
  lastUsed(id: string): Date | undefined
  /** Writes what is known, one statement for thousands of tokens. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface UsageOptions {
  db: Database
  /** Milliseconds between writes: a token is written at most this often, and a crash loses at most this much. */
  interval?: number
  onError?: (error: unknown) => void
}

const MOST_IN_A_STATEMENT = 5_000

export function createUsage({ db, interval = 60_000, onError = () => {} }: UsageOptions): Usage {
  let uses = new Map<string, number>()
  const timer = setInterval(() => void flush().catch(onError), interval).unref()

  async function flush(): Promise<void> {
    if (uses.size === 0) return
    // In one order on every node, so that two nodes writing the same tokens wait and do not deadlock.
    const batch = [...uses].sort(([a], [b]) => (a < b ? -1 : 1))
    const written = uses
    uses = new Map()
    try {
      for (let i = 0; i < batch.length; i += MOST_IN_A_STATEMENT)
        await write(db, batch.slice(i, i + MOST_IN_A_STATEMENT))
    } catch (error) {
      uses = new Map([...written, ...uses])
      throw error
    }
  }

  return {
    touch: id => void uses.set(id, Date.now()),
    lastUsed(id) {
      const at = uses.get(id)
      return at === undefined ? undefined : new Date(at)
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush().catch(onError)
    },
  }
}

function write(db: Database, batch: [string, number][]): Promise<unknown> {
  const uses = JSON.stringify(batch.map(([id, at]) => ({ id, at: new Date(at).toISOString() })))
  return db.transaction(em =>
    em.execute(
      `with uses as materialized (
         select t.id, u.at from jsonb_to_recordset(?::jsonb) as u(id uuid, at timestamptz)
         join oauth_access_tokens t on t.id = u.id
         where t.last_used_at is null or t.last_used_at < u.at
         order by t.id for update of t
       )
       update oauth_access_tokens t set last_used_at = uses.at from uses where t.id = uses.id`,
      [uses],
    ),
  )
}

import pg from 'pg'
import { v7 as uuid } from 'uuid'
import { percentile } from '../rounds.ts'

const TABLE = 'bare_access_tokens'

export interface Inserts {
  seconds: number
  concurrency: number
  /** true: PostgreSQL parses and plans the statement once per connection instead of once per row. */
  prepared: boolean
}

/** Single-row inserts by `pg` into the same table, each in its own transaction. */
export interface BareInserts {
  run(input: Inserts): Promise<{ perSecond: number; p99: number }>
  close(): Promise<void>
}

/** @param url a database with at least one token, whose row is the template */
export async function createBareInserts(url: string, concurrency: number): Promise<BareInserts> {
  // Values are read as text, so that they are written back unchanged.
  const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig
  const pool = new pg.Pool({ connectionString: url, max: concurrency })
  await pool.query(`create table if not exists ${TABLE} (like oauth_access_tokens including all)`)
  const text = "select * from oauth_access_tokens where format = 'jwt' limit 1"
  const pattern = (await pool.query({ text, types })).rows[0] as Record<string, string>
  const columns = Object.keys(pattern)
  const statement = {
    text: `insert into ${TABLE} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
  }
  const insert = (query: object) => pool.query({ ...statement, ...query, values: Object.values(fresh(pattern)) })
  return {
    run: ({ seconds, concurrency, prepared }) =>
      repeat(() => insert(prepared ? { name: 'bare' } : {}), seconds, concurrency),
    close: () => pool.end(),
  }
}

function fresh(pattern: Record<string, string>): Record<string, unknown> {
  const now = new Date()
  const expires = new Date(now.getTime() + 31_536_000_000)
  return { ...pattern, id: uuid(), created_at: now, updated_at: now, expires_at: expires }
}

async function repeat(work: () => Promise<unknown>, seconds: number, concurrency: number) {
  const times: number[] = []
  const start = performance.now()
  const one = async () => {
    while (performance.now() < start + seconds * 1000) {
      const begun = performance.now()
      await work()
      times.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, one))
  const took = (performance.now() - start) / 1000
  times.sort((a, b) => a - b)
  return { perSecond: times.length / took, p99: percentile(times, 0.99) }
}

import type { Database } from '../database/database.ts'
import { sweep } from '../tokens/prune.ts'

/** How a request with a key is to be treated. */
export type Claim =
  /** It is the first with this key: process it. `lock` says whose turn it is, since the next one takes over after a minute. */
  | { state: 'first'; lock: string }
  /** Another one with the same body is being processed. */
  | { state: 'running' }
  /** Another one had another body. */
  | { state: 'conflict' }
  /** It was processed: send this response again. */
  | { state: 'done'; response: string }

export interface StoredResponses {
  /** Claims a key for a request. Of several at once, one is the first. */
  claim(hash: Buffer, fingerprint: Buffer): Promise<Claim>
  /** Stores the response of the first request, for a day from its beginning. */
  complete(hash: Buffer, lock: string, response: string): Promise<void>
  /** Gives a key back: the request had no effect. */
  release(hash: Buffer, lock: string): Promise<void>
}

/** Longer than any request takes. A node that dies gives its keys back after this time. */
const LOCK_SECONDS = 60
const KEPT_SECONDS = 86_400

/** Two claims of one key are a minute apart, so this tells them apart. In microseconds, which JavaScript's dates lack. */
const LOCK = '(extract(epoch from locked_until) * 1000000)::bigint::text'

const CLAIM = `insert into idempotency_keys (hash, fingerprint, locked_until, expires_at)
  values (?, ?, now() + make_interval(secs => ${LOCK_SECONDS}), now() + make_interval(secs => ${KEPT_SECONDS}))
  on conflict (hash) do update set fingerprint = excluded.fingerprint, response = null,
    locked_until = excluded.locked_until, expires_at = excluded.expires_at
  where idempotency_keys.expires_at <= now()
    or (idempotency_keys.response is null and idempotency_keys.locked_until <= now()
      and idempotency_keys.fingerprint = excluded.fingerprint)
  returning ${LOCK} as lock`

export function createStoredResponses(db: Database): StoredResponses {
  return {
    async claim(hash, fingerprint) {
      await sweep(db, 'idempotency_keys')
      const [claimed] = await db.query<{ lock: string }>(CLAIM, [hash, fingerprint])
      if (claimed) return { state: 'first', lock: claimed.lock }
      const [row] = await db.query<{ fingerprint: Uint8Array; response: string | null }>(
        'select fingerprint, response from idempotency_keys where hash = ?',
        [hash],
      )
      // It was given back in the meantime.
      if (!row) return { state: 'running' }
      if (!fingerprint.equals(row.fingerprint)) return { state: 'conflict' }
      return row.response === null ? { state: 'running' } : { state: 'done', response: row.response }
    },
    complete: async (hash, lock, response) => {
      await db.query(`update idempotency_keys set response = ? where hash = ? and ${LOCK} = ?`, [response, hash, lock])
    },
    release: async (hash, lock) => {
      await db.query(`delete from idempotency_keys where hash = ? and response is null and ${LOCK} = ?`, [hash, lock])
    },
  }
}

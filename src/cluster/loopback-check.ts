import { randomBytes, randomUUID } from 'node:crypto'
import type { Database } from '../database/database.ts'

/** `unsent`: the pool did not send the message in time, which says nothing about the listening connection. */
export type LoopbackOutcome = 'received' | 'lost' | 'unsent'

/** Verifies that notifications sent through the pool arrive on one listening connection. */
export interface LoopbackCheck {
  /** The channel that the connection must LISTEN on. It is unique to the connection, so other nodes do not receive it. */
  channel: string
  /** Must be called with each payload that arrives on the channel. */
  receive(payload: string | undefined): void
  /**
   * Sends a nonce through the pool and waits for it. NOTIFY preserves the order of commits: once the nonce has arrived,
   * so has every notification committed before it.
   * @param ms milliseconds that sending and receiving may take each
   */
  run(ms: number): Promise<LoopbackOutcome>
}

interface PendingNonce {
  nonce: string
  /** false: the database rejected it or is unavailable. */
  sent: Promise<boolean>
  received: PromiseWithResolvers<void>
}

export function createLoopbackCheck(db: Pick<Database, 'query'>): LoopbackCheck {
  const channel = `postern_heartbeat_${randomBytes(8).toString('hex')}`
  let pending: PendingNonce | undefined

  function send(): PendingNonce {
    const nonce = randomUUID()
    const sent = db.query('select pg_notify(?, ?)', [channel, nonce]).then(
      () => true,
      () => false,
    )
    return { nonce, sent, received: Promise.withResolvers<void>() }
  }

  return {
    channel,
    receive(payload) {
      if (payload === pending?.nonce) pending?.received.resolve()
    },
    async run(ms) {
      // A nonce that still waits for a pool connection is not sent again.
      pending ??= send()
      const sent = await withFallback(ms, pending.sent, undefined)
      if (sent === undefined) return 'unsent'
      const received = sent && (await withFallback(ms, pending.received.promise.then(returnTrue), false))
      pending = undefined
      if (!sent) return 'unsent'
      return received ? 'received' : 'lost'
    },
  }
}

const returnTrue = () => true

/** The result of `work`, or `fallback` if it takes longer than `ms` milliseconds. */
async function withFallback<T, U>(ms: number, work: Promise<T>, fallback: U): Promise<T | U> {
  const { promise, resolve } = Promise.withResolvers<U>()
  const timer = setTimeout(() => resolve(fallback), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

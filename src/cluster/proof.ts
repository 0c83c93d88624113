import { randomBytes, randomUUID } from 'node:crypto'
import type { Database } from '../database/database.ts'

/** unsent: the pool did not take the message in time, which says nothing about the listening connection. */
export type Outcome = 'heard' | 'unheard' | 'unsent'

/** Proves that what is sent through the pool arrives on one listening connection. */
export interface Proof {
  /** The channel that the connection must LISTEN on. One for each connection: other nodes need not read it. */
  channel: string
  /** Takes each payload that arrived on the channel. */
  receive(payload: string | undefined): void
  /**
   * Sends a nonce through the pool and waits for it. NOTIFY keeps the order of commits: once the nonce is heard, so is
   * everything that was committed before it.
   * @param ms milliseconds that sending and hearing may take each
   */
  run(ms: number): Promise<Outcome>
}

interface Flight {
  nonce: string
  /** false: the database refused it or is away. */
  sent: Promise<boolean>
  heard: PromiseWithResolvers<void>
}

export function createProof(db: Pick<Database, 'query'>): Proof {
  const channel = `postern_heartbeat_${randomBytes(8).toString('hex')}`
  let flight: Flight | undefined

  function send(): Flight {
    const nonce = randomUUID()
    const sent = db.query('select pg_notify(?, ?)', [channel, nonce]).then(
      () => true,
      () => false,
    )
    return { nonce, sent, heard: Promise.withResolvers<void>() }
  }

  return {
    channel,
    receive(payload) {
      if (payload === flight?.nonce) flight?.heard.resolve()
    },
    async run(ms) {
      // One that still waits for a connection of the pool is not sent twice.
      flight ??= send()
      const sent = await orElse(ms, flight.sent, undefined)
      if (sent === undefined) return 'unsent'
      const heard = sent && (await orElse(ms, flight.heard.promise.then(returnTrue), false))
      flight = undefined
      if (!sent) return 'unsent'
      return heard ? 'heard' : 'unheard'
    },
  }
}

const returnTrue = () => true

/** What `work` comes to, or `otherwise` after that many milliseconds. */
async function orElse<T, U>(ms: number, work: Promise<T>, otherwise: U): Promise<T | U> {
  const { promise, resolve } = Promise.withResolvers<U>()
  const timer = setTimeout(() => resolve(otherwise), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

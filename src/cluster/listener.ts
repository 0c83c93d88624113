import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Database } from '../database/database.ts'
import { CHANNEL, type Change, type InvalidationBus, isChange } from './invalidation-bus.ts'
import { createLoopbackCheck, type LoopbackOutcome } from './loopback-check.ts'

export interface Listener {
  close(): Promise<void>
}

export interface ListenerOptions {
  url: string
  /** Where this node's own changes go: what is sent there must be heard at `url`. */
  db: Pick<Database, 'query'>
  bus: InvalidationBus
  log: Record<'warn' | 'error', (fields: object, message: string) => void>
  /** Milliseconds between two signs of life, each of which may take twice as long: together below a second. */
  heartbeatMs?: number
}

const MIN_PAUSE_MS = 50
const MAX_PAUSE_MS = 2_000
const CONNECTION = { application_name: 'postern changes', connectionTimeoutMillis: 2_000, keepAlive: true }

/**
 * Hears what other nodes change, on a connection of its own. The node counts as `connected` only while each heartbeat
 * proves it: a nonce that is sent through the pool arrives on that connection. A connection that answers proves
 * nothing: behind a pooler in transaction mode LISTEN succeeds and no notification ever comes, and another database
 * answers too. Without the proof the node asks the database instead; NOTIFY is not replayed, so after a gap nothing in
 * memory counts.
 */
export function startListener({ url, db, bus, log, heartbeatMs = 300 }: ListenerOptions): Listener {
  const closing = new AbortController()
  const closed = new Promise<never>((_, reject) => {
    closing.signal.addEventListener('abort', () => reject(closing.signal.reason))
  })
  closed.catch(() => {})

  /** Rejects once the connection is lost, or does not hear what is sent. */
  async function listen(connection: pg.Client): Promise<never> {
    const lost = new AbortController()
    const loopbackCheck = createLoopbackCheck(db)
    connection.on('error', error => lost.abort(error))
    connection.once('end', () => lost.abort())
    connection.on('notification', ({ channel, payload }) => {
      if (channel === loopbackCheck.channel) loopbackCheck.receive(payload)
      else parse(payload).forEach(bus.applyRemote)
    })
    // A connection that is ended while it is being made never says so.
    await Promise.race([connection.connect(), closed])
    // One statement, so that even a pooler cannot put the two channels on two connections.
    await withTimeout(heartbeatMs * 2, connection.query(`listen ${CHANNEL}; listen ${loopbackCheck.channel}`))
    const signal = AbortSignal.any([closing.signal, lost.signal])
    const connectionLost = rejection(signal)
    for (;;) {
      // Nothing runs on a connection that is not proved yet: a pooler would lend it another for the moment, and what
      // arrives there by chance would look like a proof.
      const connectionCheck = bus.connected ? withTimeout(heartbeatMs * 2, connection.query('select 1')) : undefined
      const [outcome] = await Promise.race([
        Promise.all([loopbackCheck.run(heartbeatMs * 2), connectionCheck]),
        connectionLost,
      ])
      applyOutcome(outcome)
      await sleep(heartbeatMs, undefined, { signal, ref: false })
    }
  }

  /** A pool that is busy or away does not make a proved connection worse: it still answers. */
  function applyOutcome(outcome: LoopbackOutcome): void {
    if (outcome === 'received') bus.setConnected(true)
    if (outcome !== 'lost') return
    // Said once, and again only after it was right in between.
    if (!bus.misrouted) log.error({}, MISROUTED)
    bus.setMisrouted()
    throw new Error('a notification that was sent through the pool did not arrive')
  }

  /** @returns whether it was heard on */
  async function listenOnce(): Promise<boolean> {
    const connection = new pg.Client({ ...CONNECTION, connectionString: url })
    const error = await listen(connection).catch(reason => reason)
    const wasConnected = bus.connected
    bus.setConnected(false)
    connection.removeAllListeners('notification')
    if (wasConnected && !closing.signal.aborted) log.warn({ err: error }, CONNECTION_LOST)
    // A connection that gives no sign of life would not answer a farewell either.
    await withTimeout(heartbeatMs, connection.end()).catch(() => {})
    return wasConnected
  }

  async function run(): Promise<void> {
    for (let wait = MIN_PAUSE_MS; !closing.signal.aborted; ) {
      wait = (await listenOnce()) ? MIN_PAUSE_MS : Math.min(wait * 2, MAX_PAUSE_MS)
      await sleep(wait, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  const running = run()
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}

const CONNECTION_LOST = 'lost the feed of changes; until it is back the database is asked for every token'

const MISROUTED =
  'cannot hear other nodes: what is sent through DATABASE_URL does not arrive where this node listens. ' +
  'DATABASE_LISTEN_URL must name the same database, directly or through a pooler in session mode. ' +
  'Until it does, the database is asked for every token'

function rejection(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  promise.catch(() => {})
  return promise
}

async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no sign of life for ${ms} ms`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What cannot be read, or comes from a later version, says that something changed: then nothing in memory counts. */
function parse(payload: string | undefined): Change[] {
  const changes = json(payload ?? '')
  return Array.isArray(changes) && changes.every(isChange) ? changes : [{ kind: 'everything' }]
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

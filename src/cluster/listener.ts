import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Database } from '../database/database.ts'
import { createHosts } from '../database/hosts.ts'
import { withTimeout } from '../database/timeout.ts'
import { CHANNEL, type Change, type InvalidationBus, isChange } from './invalidation-bus.ts'
import { createLoopbackCheck, type LoopbackOutcome } from './loopback-check.ts'

export interface Listener {
  close(): Promise<void>
}

export interface ListenerOptions {
  url: string
  /** Where this node publishes its changes. Notifications sent there must arrive at `url`. */
  db: Pick<Database, 'query'>
  bus: InvalidationBus
  log: Record<'warn' | 'error', (fields: object, message: string) => void>
  /** Milliseconds between two heartbeats. Each may take twice as long: together less than a second. */
  heartbeatMs?: number
}

/** Milliseconds until the first reconnection attempt; each failure doubles them. */
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 2_000
const CONNECTION = { application_name: 'postern changes', connectionTimeoutMillis: 2_000, keepAlive: true }

/**
 * Receives the changes of other nodes on a dedicated connection. The node is `connected` only while each heartbeat
 * succeeds: a nonce that is sent through the pool must arrive on that connection. It is not enough that the connection
 * responds: behind a pooler in transaction mode, LISTEN succeeds but no notification arrives, and a connection to another
 * database responds too. While the heartbeat fails, the node queries the database instead. NOTIFY is not replayed, so all
 * caches are invalid after an interruption.
 */
export function startListener({ url, db, bus, log, heartbeatMs = 300 }: ListenerOptions): Listener {
  const hosts = createHosts(url)
  const closing = new AbortController()
  const closed = new Promise<never>((_, reject) => {
    closing.signal.addEventListener('abort', () => reject(closing.signal.reason))
  })
  closed.catch(() => {})

  /** Rejects once the connection is lost or notifications do not arrive on it. */
  async function listen(connection: pg.Client): Promise<never> {
    const lost = new AbortController()
    const loopbackCheck = createLoopbackCheck(db)
    connection.on('error', error => lost.abort(error))
    connection.once('end', () => lost.abort())
    connection.on('notification', ({ channel, payload }) => {
      if (channel === loopbackCheck.channel) loopbackCheck.receive(payload)
      else parse(payload).forEach(bus.applyRemote)
    })
    // connect() never settles if the connection is ended meanwhile.
    await Promise.race([connection.connect(), closed])
    // One statement, so that a pooler cannot run the two LISTEN commands on different connections.
    await responseOf(heartbeatMs * 2, connection.query(`listen ${CHANNEL}; listen ${loopbackCheck.channel}`))
    const signal = AbortSignal.any([closing.signal, lost.signal])
    const connectionLost = rejection(signal)
    for (;;) {
      // No query before the first heartbeat has succeeded: a pooler would assign a server connection for its duration, and
      // a nonce that happens to arrive on that one would be mistaken for a success.
      const connectionCheck = bus.connected ? responseOf(heartbeatMs * 2, connection.query('select 1')) : undefined
      const [outcome] = await Promise.race([
        Promise.all([loopbackCheck.run(heartbeatMs * 2), connectionCheck]),
        connectionLost,
      ])
      applyOutcome(outcome)
      await sleep(heartbeatMs, undefined, { signal, ref: false })
    }
  }

  /** A busy or unavailable pool says nothing about the listening connection, which still responds. */
  function applyOutcome(outcome: LoopbackOutcome): void {
    if (outcome === 'received') bus.setConnected(true)
    if (outcome !== 'lost') return
    // Logged once, and again only after the heartbeat has succeeded in between.
    if (!bus.misrouted) log.error({}, MISROUTED)
    bus.setMisrouted()
    throw new Error('a notification sent through the pool did not arrive')
  }

  /** Listens until the connection fails. @returns whether notifications arrived on it */
  async function listenOnce(): Promise<boolean> {
    const host = hosts.current
    const connection = new pg.Client({ ...CONNECTION, connectionString: host })
    const error = await listen(connection).catch(reason => reason)
    const wasConnected = bus.connected
    // A standby rejects LISTEN. After an interruption the same host is tried first.
    if (!wasConnected) hosts.reportFailure(host)
    bus.setConnected(false)
    connection.removeAllListeners('notification')
    if (wasConnected && !closing.signal.aborted) log.warn({ err: error }, CONNECTION_LOST)
    // A connection that does not respond would not confirm its end either.
    await responseOf(heartbeatMs, connection.end()).catch(() => {})
    return wasConnected
  }

  async function run(): Promise<void> {
    for (let delay = MIN_RETRY_MS; !closing.signal.aborted; ) {
      delay = (await listenOnce()) ? MIN_RETRY_MS : Math.min(delay * 2, MAX_RETRY_MS)
      await sleep(delay, undefined, { signal: closing.signal, ref: false }).catch(() => {})
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

const CONNECTION_LOST =
  'lost the connection that receives notifications; until it is restored, this node queries the database for every token'

const MISROUTED =
  'cannot receive notifications from other nodes: those sent through DATABASE_URL do not arrive on the listening ' +
  'connection. DATABASE_LISTEN_URL must name the same database, directly or through a pooler in session mode. ' +
  'Until then, this node queries the database for every token'

function rejection(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  promise.catch(() => {})
  return promise
}

const responseOf = <T>(ms: number, work: Promise<T>): Promise<T> =>
  withTimeout(work, ms, () => new Error(`no response within ${ms} ms`))

/** A payload that cannot be parsed, such as one of a later version, invalidates all caches: something has changed. */
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

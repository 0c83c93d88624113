import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { CHANNEL, type Change, type Changes, isChange } from './changes.ts'

export interface Listener {
  close(): Promise<void>
}

export interface ListenerOptions {
  url: string
  changes: Changes
  log: { warn(fields: object, message: string): void }
  /** Milliseconds between two signs of life, each of which may take twice as long: together below a second. */
  heartbeat?: number
}

const SHORTEST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
const CONNECTION = { application_name: 'postern changes', connectionTimeoutMillis: 2_000, keepAlive: true }

/**
 * Hears what other nodes change, on a connection of its own. Whenever that connection is not known to be alive the node
 * is not `hearing`, and asks the database instead; NOTIFY is not replayed, so after a gap nothing in memory counts.
 */
export function startListener({ url, changes, log, heartbeat = 300 }: ListenerOptions): Listener {
  const closing = new AbortController()
  const closed = new Promise<never>((_, reject) => {
    closing.signal.addEventListener('abort', () => reject(closing.signal.reason))
  })
  closed.catch(() => {})

  /** Rejects once the connection is lost. */
  async function listen(connection: pg.Client): Promise<never> {
    const lost = new AbortController()
    connection.on('error', () => lost.abort())
    connection.once('end', () => lost.abort())
    connection.on('notification', ({ payload }) => parse(payload).forEach(changes.hear))
    // A connection that is ended while it is being made never says so.
    await Promise.race([connection.connect(), closed])
    await within(heartbeat * 2, connection.query(`listen ${CHANNEL}`))
    changes.setHearing(true)
    const signal = AbortSignal.any([closing.signal, lost.signal])
    for (;;) {
      await sleep(heartbeat, undefined, { signal, ref: false })
      await within(heartbeat * 2, connection.query('select 1'))
    }
  }

  /** @returns whether it was heard on */
  async function listenOnce(): Promise<boolean> {
    const connection = new pg.Client({ ...CONNECTION, connectionString: url })
    const error = await listen(connection).catch(reason => reason)
    const heard = changes.hearing
    changes.setHearing(false)
    connection.removeAllListeners('notification')
    if (heard && !closing.signal.aborted) log.warn({ err: error }, LOST)
    // A connection that gives no sign of life would not answer a farewell either.
    await within(heartbeat, connection.end()).catch(() => {})
    return heard
  }

  async function run(): Promise<void> {
    for (let wait = SHORTEST_PAUSE_MS; !closing.signal.aborted; ) {
      wait = (await listenOnce()) ? SHORTEST_PAUSE_MS : Math.min(wait * 2, LONGEST_PAUSE_MS)
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

const LOST = 'lost the feed of changes; until it is back the database is asked for every token'

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
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

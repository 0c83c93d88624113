import pg from 'pg'
import { CHANNEL, type Change, type Changes } from './changes.ts'

export interface Listener {
  close(): Promise<void>
}

export interface ListenerOptions {
  url: string
  changes: Changes
  log: { warn(fields: object, message: string): void }
  /** Milliseconds between two signs of life, and how long one may take. */
  heartbeat?: number
}

const LONGEST_PAUSE = 2_000

/**
 * Hears what other nodes change, on a connection of its own. Whenever that connection is not known to be alive the node
 * is not `hearing`, and asks the database instead; NOTIFY is not replayed, so after a gap nothing in memory counts.
 */
export function startListener({ url, changes, log, heartbeat = 500 }: ListenerOptions): Listener {
  let closed = false
  let heard = false
  let client: pg.Client | undefined
  let wake: () => void = () => {}

  async function listen(): Promise<void> {
    const connection = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, keepAlive: true })
    client = connection
    connection.on('error', () => {})
    connection.once('end', () => {
      changes.setHearing(false)
      wake()
    })
    connection.on('notification', ({ payload }) => parse(payload).forEach(changes.hear))
    await connection.connect()
    await connection.query(`listen ${CHANNEL}`)
    changes.setHearing(true)
    heard = true
    while (!closed) await beat(connection)
  }

  async function beat(on: pg.Client): Promise<void> {
    await within(heartbeat, on.query('select 1'))
    await pause(heartbeat)
  }

  const pause = (ms: number) =>
    new Promise<void>(resolve => {
      wake = resolve
      setTimeout(resolve, ms).unref()
    })

  async function run(): Promise<void> {
    for (let wait = 50; !closed; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      heard = false
      try {
        await listen()
      } catch (error) {
        if (heard) log.warn({ err: error }, 'lost the change feed: asking the database for every token')
        if (heard) wait = 50
      }
      changes.setHearing(false)
      await client?.end().catch(() => {})
      if (!closed) await pause(wait)
    }
  }

  const running = run()
  return {
    async close() {
      closed = true
      wake()
      await client?.end().catch(() => {})
      await running
    },
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no sign of life')), ms * 2)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What cannot be read says that something changed, and not what: then nothing in memory counts. */
function parse(payload: string | undefined): Change[] {
  try {
    return JSON.parse(payload ?? '') as Change[]
  } catch {
    return [{ kind: 'everything' }]
  }
}

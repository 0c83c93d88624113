import { connect, type Socket } from 'node:net'
import type pg from 'pg'

/** Milliseconds that a server has to say that it let go, before the connection is broken. */
const CANCEL_GRACE_MS = 1_000
/** The longest that a timer of Node can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** The code of a CancelRequest (PostgreSQL, "Message Formats"). */
const CANCEL_REQUEST_CODE = 80_877_102

type Client = pg.Client & { processID?: number | null; secretKey?: number | null }

/**
 * Lets no statement of this client take longer. A server that vanished says nothing, and TCP goes on asking it for a
 * quarter of an hour: whoever waits that long on every connection of the pool serves nobody. One that is only slow, or
 * waits for a lock, is asked to let go first: it would not notice that nobody listens any more, go on with what nobody
 * waits for, and have one connection more each time (docs/adr/0023-a-deadline-in-the-client.md).
 * @param ms milliseconds
 */
export function setStatementTimeout(pgClient: pg.Client, ms: number): void {
  const client = pgClient as Client
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const timedQuery = (...args: unknown[]) => {
    const result = query(...args)
    // Nothing here asks by a callback or a cursor.
    return result instanceof Promise ? withTimeout(client, result, Math.min(ms, MAX_TIMER_MS)) : result
  }
  client.query = timedQuery as typeof client.query
}

async function withTimeout<T>(client: Client, pending: Promise<T>, ms: number): Promise<T> {
  let destroyTimer: NodeJS.Timeout | undefined
  const cancelTimer = setTimeout(() => {
    cancel(client)
    destroyTimer = setTimeout(() => client.connection.stream.destroy(), CANCEL_GRACE_MS)
  }, ms)
  try {
    const result = await pending
    if (destroyTimer) throw new QueryCanceledError()
    return result
  } finally {
    clearTimeout(cancelTimer)
    clearTimeout(destroyTimer)
    if (destroyTimer) discard(client)
  }
}

/** `query_canceled` (PostgreSQL, appendix A), as the server says it itself where it can. */
class QueryCanceledError extends Error {
  readonly code = '57014'

  constructor() {
    // One that waits for its standby says that all is well, though nothing is safe yet.
    super('the server was asked to let go, and what it says since is no answer')
  }
}

/**
 * Ends a connection at once. A request to let go may come late, and must not meet what
 * somebody else asks on this connection.
 */
export function discard(client: pg.Client): void {
  void client.end()
  // That alone would say goodbye, and wait for a server that may have vanished.
  client.connection.stream.destroy()
}

/** Asks the server to let go of what the client waits for, on a connection of its own (PostgreSQL, "Canceling Requests"). */
function cancel({ host, port, processID, secretKey, connection }: Client): void {
  if (processID == null || secretKey == null) return
  const request = Buffer.alloc(16)
  for (const [i, number] of [request.length, CANCEL_REQUEST_CODE, processID, secretKey].entries())
    request.writeInt32BE(number, i * 4)
  // The very machine: a name may lead to another by now.
  const { remoteAddress, remotePort } = connection.stream as Socket
  const socket = remoteAddress ? connect(remotePort as number, remoteAddress) : connect(`${host}/.s.PGSQL.${port}`)
  socket.on('error', () => {}).setTimeout(CANCEL_GRACE_MS, () => socket.destroy())
  socket.end(request)
}

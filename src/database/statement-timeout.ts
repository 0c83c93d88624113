import { connect, type Socket } from 'node:net'
import type pg from 'pg'

/** Milliseconds that the server has to confirm a cancellation before the connection is destroyed. */
const CANCEL_GRACE_MS = 1_000
/** Maximum delay of a Node timer. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** The code of a CancelRequest (PostgreSQL, "Message Formats"). */
const CANCEL_REQUEST_CODE = 80_877_102

type Client = pg.Client & { processID?: number | null; secretKey?: number | null }

/**
 * Limits the duration of every statement of this client. A server that has disappeared sends nothing, and TCP keeps
 * retransmitting for about 15 minutes: with all connections of the pool waiting, the node could serve no request. A server
 * that is only slow, or waits for a lock, first gets a cancel request. Otherwise it would not notice the closed connection
 * and continue the statement, and each timeout would leave another busy connection behind
 * (docs/adr/0023-a-deadline-in-the-client.md).
 * @param ms milliseconds
 */
export function setStatementTimeout(pgClient: pg.Client, ms: number): void {
  const client = pgClient as Client
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const timedQuery = (...args: unknown[]) => {
    const result = query(...args)
    // Callbacks and cursors are not used in this code base.
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

/** `query_canceled` (PostgreSQL, appendix A), the same code that the server sends for a cancelled statement. */
class QueryCanceledError extends Error {
  readonly code = '57014'

  constructor() {
    // A commit that is cancelled while it waits for a synchronous standby reports success, but may not be replicated.
    super('the statement was cancelled after its timeout, so its result is not reliable')
  }
}

/**
 * Ends a connection at once. It must not be reused: a cancel request may arrive late and would cancel the next statement.
 */
export function discard(client: pg.Client): void {
  void client.end()
  // end() alone sends a Terminate message and waits for a server that may have disappeared.
  client.connection.stream.destroy()
}

/** Sends a cancel request for the running statement on a separate connection (PostgreSQL, "Canceling Requests"). */
function cancel(client: Client): void {
  const { processID, secretKey } = client
  if (processID == null || secretKey == null) return
  const request = Buffer.alloc(16)
  for (const [i, number] of [request.length, CANCEL_REQUEST_CODE, processID, secretKey].entries())
    request.writeInt32BE(number, i * 4)
  const socket = connectLike(client)
  socket.on('error', () => {}).setTimeout(CANCEL_GRACE_MS, () => socket.destroy())
  socket.end(request)
}

/**
 * Connects to the server of a connection once more. Uses the address of the connection: the host name may resolve to another
 * server by now.
 */
export function connectLike({ host, port, connection }: pg.Client): Socket {
  const { remoteAddress, remotePort } = connection.stream as Socket
  return remoteAddress ? connect(remotePort as number, remoteAddress) : connect(`${host}/.s.PGSQL.${port}`)
}

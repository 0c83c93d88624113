import { connect, type Socket } from 'node:net'
import type pg from 'pg'

/** Milliseconds that a server has to say that it let go, before the connection is broken. */
const FAREWELL_MS = 1_000
/** The longest that a timer of Node can be set to. */
const LONGEST_MS = 2 ** 31 - 1
/** The code of a CancelRequest (PostgreSQL, "Message Formats"). */
const CANCEL = 80_877_102

type Client = pg.Client & { processID?: number | null; secretKey?: number | null }

/**
 * Lets no statement of this client take longer. A server that vanished says nothing, and TCP goes on asking it for a
 * quarter of an hour: whoever waits that long on every connection of the pool serves nobody. One that is only slow, or
 * waits for a lock, is asked to let go first: it would not notice that nobody listens any more, go on with what nobody
 * waits for, and have one connection more each time (docs/adr/0023-a-deadline-in-the-client.md).
 * @param ms milliseconds
 */
export function setDeadline(given: pg.Client, ms: number): void {
  const client = given as Client
  const query = client.query.bind(client) as (...asked: unknown[]) => unknown
  const asking = (...asked: unknown[]) => {
    const answer = query(...asked)
    // Nothing here asks by a callback or a cursor.
    return answer instanceof Promise ? inTime(client, answer, Math.min(ms, LONGEST_MS)) : answer
  }
  client.query = asking as typeof client.query
}

async function inTime<T>(client: Client, answer: Promise<T>, ms: number): Promise<T> {
  let breaking: NodeJS.Timeout | undefined
  const waiting = setTimeout(() => {
    cancel(client)
    breaking = setTimeout(() => client.connection.stream.destroy(), FAREWELL_MS)
  }, ms)
  try {
    const result = await answer
    if (breaking) throw new LetGo()
    return result
  } finally {
    clearTimeout(waiting)
    clearTimeout(breaking)
    if (breaking) breakOff(client)
  }
}

/** `query_canceled` (PostgreSQL, appendix A), as the server says it itself where it can. */
class LetGo extends Error {
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
export function breakOff(client: pg.Client): void {
  void client.end()
  // That alone would say goodbye, and wait for a server that may have vanished.
  client.connection.stream.destroy()
}

/** Asks the server to let go of what the client waits for, on a connection of its own (PostgreSQL, "Canceling Requests"). */
function cancel({ host, port, processID, secretKey, connection }: Client): void {
  if (processID == null || secretKey == null) return
  const request = Buffer.alloc(16)
  for (const [i, number] of [request.length, CANCEL, processID, secretKey].entries())
    request.writeInt32BE(number, i * 4)
  // The very machine: a name may lead to another by now.
  const { remoteAddress, remotePort } = connection.stream as Socket
  const socket = remoteAddress ? connect(remotePort as number, remoteAddress) : connect(`${host}/.s.PGSQL.${port}`)
  socket.on('error', () => {}).setTimeout(FAREWELL_MS, () => socket.destroy())
  socket.end(request)
}

import { connect } from 'node:net'
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
 * waits for, and have one connection more each time.
 * @param ms milliseconds
 */
export function setDeadline(given: pg.Client, ms: number): void {
  const client = given as Client
  const query = client.query.bind(client) as (...asked: unknown[]) => unknown

  const asking = (...asked: unknown[]) => {
    const answer = query(...asked)
    // A callback's or a cursor's, which nothing here uses.
    if (!(answer instanceof Promise)) return answer
    let breaking: NodeJS.Timeout | undefined
    const waiting = setTimeout(
      () => {
        cancel(client)
        breaking = setTimeout(() => client.connection.stream.destroy(), FAREWELL_MS)
      },
      Math.min(ms, LONGEST_MS),
    )
    const done = () => {
      clearTimeout(waiting)
      clearTimeout(breaking)
      // The request to let go may come late, and must not meet what another asks on this connection.
      if (breaking) void client.end()
    }
    answer.then(done, done)
    return answer
  }
  client.query = asking as typeof client.query
}

/** Asks the server to let go of what the client waits for, on a connection of its own (PostgreSQL, "Canceling Requests"). */
function cancel({ host, port, processID, secretKey }: Client): void {
  if (processID == null || secretKey == null) return
  const request = Buffer.alloc(16)
  for (const [i, number] of [request.length, CANCEL, processID, secretKey].entries())
    request.writeInt32BE(number, i * 4)
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => {}).setTimeout(FAREWELL_MS, () => socket.destroy())
  socket.end(request)
}

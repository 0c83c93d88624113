import type { Socket } from 'node:net'
import type pg from 'pg'
import type { Hosts } from './hosts.ts'
import { connectLike } from './statement-timeout.ts'

/** Milliseconds that a statement waits before the server is asked whether it is there, and then for its response. */
const QUIET_MS = 2_000
const RESPONSE_MS = 3_000
/** Asks whether the server supports TLS, to which it responds with one byte (PostgreSQL, "Message Formats", SSLRequest). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
/** The machine is away, or nothing listens there. Other errors, such as too many open files, are those of this process. */
const GONE = /^(ECONNREFUSED|ETIMEDOUT|EHOST(UNREACH|DOWN)|ENET(UNREACH|DOWN))$/

/** A connection and the URL that it was opened with. */
export type WatchedClient = pg.Client & { readonly url: string }

/**
 * Finds servers that have fallen silent: a machine without power or network closes no connection, and TCP keeps
 * retransmitting for about 15 minutes. Statements would wait for their timeout, and could use up the whole pool until then.
 */
export interface SilenceWatch {
  /** Watches a new connection until its end. */
  add(client: WatchedClient): void
  /** A statement was sent. */
  sent(client: WatchedClient): void
  /** The result of a statement has arrived. */
  answered(client: WatchedClient): void
}

interface Waiting {
  statements: number
  /** Since when nothing has arrived; monotonic. */
  since: number
}

/**
 * A statement that takes long says nothing, since it may be a slow one. So once it has waited for two seconds, the server is
 * asked on another connection. If neither that nor any other receives anything within three seconds, the connections to that
 * server are closed, and the next host of the URL is used.
 */
export function createSilenceWatch(hosts: Hosts): SilenceWatch {
  const clients = new Set<WatchedClient>()
  const waiting = new Map<WatchedClient, Waiting>()
  const asked = new Set<string>()
  let timer: NodeJS.Timeout | undefined

  function start(): void {
    if (!timer) timer = setTimeout(check, QUIET_MS).unref()
  }

  function check(): void {
    timer = undefined
    const before = performance.now() - QUIET_MS
    for (const [client, { since }] of waiting) if (since <= before) void ask(client)
    if (waiting.size > 0) start()
  }

  async function ask(client: WatchedClient): Promise<void> {
    const server = addressOf(client)
    if (!server || asked.has(server)) return
    asked.add(server)
    const before = [...clients]
      .filter(other => addressOf(other) === server)
      .map(other => [other, bytesOf(other)] as const)
    const isThere = await responds(client)
    asked.delete(server)
    // A pooler whose server is busy may accept no new connection while the old ones work.
    if (isThere || before.some(([other, bytes]) => bytesOf(other) > bytes)) return
    hosts.reportFailure(client.url)
    for (const [other] of before) close(other)
  }

  return {
    add(client) {
      clients.add(client)
      client.once('end', () => {
        clients.delete(client)
        waiting.delete(client)
      })
    },
    sent(client) {
      const { statements = 0, since = performance.now() } = waiting.get(client) ?? {}
      waiting.set(client, { statements: statements + 1, since })
      start()
    },
    answered(client) {
      const { statements = 0 } = waiting.get(client) ?? {}
      if (statements > 1) waiting.set(client, { statements: statements - 1, since: performance.now() })
      else waiting.delete(client)
    },
  }
}

/** Rejects what waits on a connection. The pool removes an idle one at the error, before anybody gets it. */
function close(client: WatchedClient): void {
  client.emit('error', new Error('the server does not respond'))
  client.connection.stream.destroy()
}

/** How much a connection has received. */
const bytesOf = ({ connection }: WatchedClient): number => (connection.stream as Socket).bytesRead

/** The server at the other end, rather than its name, which may lead elsewhere by now. */
function addressOf({ connection, host, port }: WatchedClient): string | undefined {
  const { remoteAddress, remotePort, destroyed } = connection.stream as Socket
  if (destroyed) return undefined
  return remoteAddress ? `${remoteAddress} ${remotePort}` : `${host} ${port}`
}

/** Whether the server of this connection responds to a new one. A pooler responds for its server. */
function responds(client: WatchedClient): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connectLike(client)
  // If this process was paused, the response may be there already: it is read before the timeout counts.
  const timer = setTimeout(() => setImmediate(resolve, false), RESPONSE_MS).unref()
  socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(!GONE.test(String(code))))
  socket.once('data', () => resolve(true)).once('close', () => resolve(true))
  socket.write(SSL_REQUEST)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { EVENT_STREAM, type StatusChange, toEvent } from '../../packages/guard/src/event-stream.ts'
import { STATUS } from '../../packages/guard/src/status-bits.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import { forbidden, PosternError } from '../errors/errors.ts'
import { invalidClient } from '../errors/protocol.ts'
import { CLIENT_BASIC, problem } from '../http/schemas.ts'
import type { Feed } from './feed.ts'
import type { FeedBatch } from './feed-batch.ts'

export interface FeedRoutesOptions {
  feed: Feed
  bus: InvalidationBus
  clientAuthentication: ClientAuthentication
  config: Pick<Config, 'feedReaders' | 'feedStreamsPerClient'>
}

/** Maximum size of one reader's output buffer. Beyond it, the node closes the connection, and the reader resumes. */
const MAX_UNREAD_BYTES = 1_048_576

const EXAMPLE = toEvent('status', { sequence: 42, list: 2, index: 46_407, status: STATUS.revoked } as StatusChange)

const followEventsSchema = {
  operationId: 'followEvents',
  summary: 'Follow status changes',
  description:
    'Server-sent events for resource servers (clients with an `audience`): `status` with `{sequence, list, index, status}`, `heartbeat` with `{sequence}`, `reload` when missed changes are no longer available, and `keys` with `{sequence, revoked}`, the ids of all revoked signing keys. `Last-Event-ID` resumes the stream.',
  tags: ['Revocation'],
  security: [{ [CLIENT_BASIC]: [] }],
  headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ description: 'A sequence number' })) }),
  response: {
    200: {
      description: 'The stream',
      content: { 'text/event-stream': { schema: Type.String({ examples: [EXAMPLE] }) } },
    },
    401: problem('The authentication of the client failed'),
    403: problem('The client is not a resource server'),
    429: problem('The client has reached its maximum number of streams on this node'),
    503: problem('This node has reached its maximum number of readers'),
  },
}

/** The event stream of status changes (HTML Standard §9.2, server-sent events). */
export function feedRoutes({ feed, bus, clientAuthentication, config }: FeedRoutesOptions): FastifyPluginAsyncTypebox {
  const streams = new Map<ServerResponse, Client>()
  /** Number of streams by client. */
  const counts = new Map<string, number>()
  const { feedReaders: maximum, feedStreamsPerClient: limit } = config

  /** Limits the streams of each client, so that one client cannot use up the capacity of the node. */
  function assertCapacity({ id }: Client): void {
    if (streams.size >= maximum) throw tooManyReaders(maximum)
    if ((counts.get(id) ?? 0) >= limit) throw tooManyStreams(limit)
  }

  function count({ id }: Client, more: number): void {
    const now = (counts.get(id) ?? 0) + more
    if (now > 0) counts.set(id, now)
    else counts.delete(id)
  }

  bus.subscribe(change => {
    if (change.kind !== 'client' && change.kind !== 'user') return
    // A reader that is still allowed to read reconnects. A change of the owner may have disabled the client.
    for (const [stream, { id, user }] of streams) {
      if (change.kind === 'client' && id === change.id) stream.end()
      if (change.kind === 'user' && user === change.id) stream.end()
    }
  })

  return async app => {
    app.addHook('preClose', async () => {
      for (const stream of streams.keys()) stream.end()
    })

    app.get(
      '/events',
      {
        schema: followEventsSchema,
      },
      async (request, reply) => {
        const { authorization } = request.headers
        const authenticate = () => clientAuthentication.authenticate({ authorization, params: {} })
        const client = await authenticate()
        // A public client does not authenticate, so anyone could read the feed in its name.
        if (client.authMethod === 'none') throw invalidClient()
        if (client.audience === null) throw forbidden(NO_RESOURCE_SERVER)
        // The headers of a GET, without its endless stream (RFC 9110 §9.3.2).
        if (request.method === 'HEAD') return reply.headers(HEADERS).send('' as never)
        assertCapacity(client)
        const stream = reply.raw
        streams.set(stream, client)
        count(client, 1)
        reply.hijack()
        stream.on('error', () => {})
        stream.writeHead(200, { ...reply.getHeaders(), ...HEADERS } as OutgoingHttpHeaders)
        // Before the first chunk, which does not go through the response.
        stream.flushHeaders()
        const since = lastEventId(request.headers['last-event-id'])
        const unfollow = await feed
          .follow(client.id, since, batch => write(stream, batch))
          .catch(error => {
            request.log.warn({ err: error }, 'cannot follow status changes')
            stream.end()
            return () => {}
          })
        const stopWatching = endWhenSecretExpires(stream, client, authenticate)
        const stop = () => {
          if (!streams.delete(stream)) return
          count(client, -1)
          stopWatching()
          unfollow()
        }
        stream.on('close', stop)
        // The stream may have closed before the listener was added.
        if (stream.destroyed) stop()
      },
    )
  }
}

const NO_RESOURCE_SERVER =
  'Only a client with an audience, which is a resource server, may follow the event feed. ' +
  'An operator can set it: postern client update ID --audience URI'

const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * Ends the stream once the client could no longer start it, because its secret has expired. The bus notifies of changes
 * to a client, but not of an expiry.
 * @returns a function that stops watching
 */
function endWhenSecretExpires(stream: ServerResponse, client: Client, authenticate: () => Promise<Client>): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const scheduleNext = ({ secrets }: Client) => {
    const times = secrets.flatMap(({ expires_at: at }) => (at === null ? [] : [Date.parse(at)]))
    const next = Math.min(...times.filter(time => time > Date.now()))
    if (stopped || next === Number.POSITIVE_INFINITY) return
    timer = setTimeout(reauthenticate, Math.min(next - Date.now() + 1, MAX_TIMEOUT_MS)).unref()
  }
  // An unavailable database ends the stream too: the reader reconnects and authenticates again.
  const reauthenticate = () => void authenticate().then(scheduleNext, () => stream.end())
  scheduleNext(client)
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

const HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-store',
  // Proxies that buffer responses would delay the events.
  'x-accel-buffering': 'no',
}

/**
 * Writes to the socket of a chunked response, past the response: it would copy and frame the same bytes for each reader. A
 * response of HTTP/1.0, or one that waits for another on its connection, writes itself.
 */
function write(stream: ServerResponse, batch: FeedBatch): void {
  if (stream.destroyed || stream.writableEnded) return
  const { socket } = stream
  if (socket && stream.chunkedEncoding) socket.write(batch.chunk)
  else stream.write(batch.text)
  // It includes what waits in the socket.
  if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
}

function lastEventId(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

const tooManyReaders = (maximum: number) =>
  new PosternError({
    status: 503,
    code: 'too_many_readers',
    detail:
      'This node has reached its maximum number of readers. Connect to another node, or ask an operator to increase FEED_READERS.',
    headers: { 'retry-after': '5' },
    extra: { maximum },
  })

const tooManyStreams = (limit: number) =>
  new PosternError({
    status: 429,
    code: 'too_many_streams',
    detail:
      `This client has ${limit} streams on this node, which is the maximum. Close one, register a client for each ` +
      'resource server, or ask an operator to increase FEED_STREAMS_PER_CLIENT.',
    headers: { 'retry-after': '5' },
    extra: { limit },
  })

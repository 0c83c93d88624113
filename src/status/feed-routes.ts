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
import type { Feed, FeedMessage } from './feed.ts'

export interface FeedRoutesOptions {
  feed: Feed
  bus: InvalidationBus
  clientAuthentication: ClientAuthentication
  config: Pick<Config, 'feedStreamsPerClient'>
  /** Readers at once on this node. */
  maxReaders?: number
}

/** What one reader may leave unread; it is cut off then, and resumes where it was. */
const MAX_UNREAD_BYTES = 1_048_576

const EXAMPLE = toEvent('status', { sequence: 42, list: 2, index: 46_407, status: STATUS.revoked } as StatusChange)

/** The event stream of revocations (HTML Standard §9.2, server-sent events). */
export function feedRoutes({
  feed,
  bus,
  clientAuthentication,
  config,
  maxReaders = 1_000,
}: FeedRoutesOptions): FastifyPluginAsyncTypebox {
  const streams = new Map<ServerResponse, Client>()
  const limit = config.feedStreamsPerClient

  /** One client must not take the streams of the others. */
  function assertStreamFree({ id }: Client): void {
    if (streams.size >= maxReaders) throw tooManyReaders()
    const own = [...streams.values()].filter(client => client.id === id).length
    if (own >= limit) throw tooManyStreams(limit)
  }

  bus.subscribe(change => {
    // Whoever may still read comes back. An owner may have been disabled.
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
        schema: {
          operationId: 'followEvents',
          summary: 'Follow the changes of statuses',
          description:
            'Server-sent events for resource servers (clients with an `audience`): `status` with `{sequence, list, index, status}`, `heartbeat` with `{sequence}`, `reload` when what was missed is too old to tell, and `keys` with `{sequence, revoked}`, the ids of all revoked signing keys. `Last-Event-ID` resumes.',
          tags: ['Revocation'],
          security: [{ [CLIENT_BASIC]: [] }],
          headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ description: 'A sequence number' })) }),
          response: {
            200: {
              description: 'The stream',
              content: { 'text/event-stream': { schema: Type.String({ examples: [EXAMPLE] }) } },
            },
            401: problem('The client did not prove who it is'),
            403: problem('The client is no resource server'),
            429: problem('The client has as many streams as one client may have on this node'),
            503: problem('There are as many readers as this node serves'),
          },
        },
      },
      async (request, reply) => {
        const { authorization } = request.headers
        const authenticate = () => clientAuthentication.authenticate({ authorization, params: {} })
        const client = await authenticate()
        // Whoever needs no proof to read this could be anybody.
        if (client.authMethod === 'none') throw invalidClient()
        if (client.audience === null) throw forbidden(NO_RESOURCE_SERVER)
        // What a GET would answer, without a stream that never ends (RFC 9110 §9.3.2).
        if (request.method === 'HEAD') return reply.headers(HEADERS).send('' as never)
        assertStreamFree(client)
        const stream = reply.raw
        streams.set(stream, client)
        reply.hijack()
        stream.on('error', () => {})
        stream.writeHead(200, { ...reply.getHeaders(), ...HEADERS } as OutgoingHttpHeaders)
        const since = lastEventId(request.headers['last-event-id'])
        const end = await feed
          .follow(client.id, since, messages => writeMessages(stream, messages))
          .catch(error => {
            request.log.warn({ err: error }, 'could not follow the changes of statuses')
            stream.end()
            return () => {}
          })
        const stopWatching = endWhenSecretExpires(stream, client, authenticate)
        const leave = () => {
          if (!streams.delete(stream)) return
          stopWatching()
          end()
        }
        stream.on('close', leave)
        // It may have closed before anybody listened.
        if (stream.destroyed) leave()
      },
    )
  }
}

const NO_RESOURCE_SERVER =
  'Only a client with an audience, which is a resource server, may follow the event feed. ' +
  'An operator gives it one: postern client update ID --audience URI'

const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * Ends the stream when its client could not begin it any more, since the secret that it came with has expired. That a
 * client changes is heard; that time passes is not.
 * @returns what stops the watch
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
  // A database that is away ends it too: the reader comes back, and is asked again.
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
  // Proxies that collect an answer before they pass it on would hold back what must arrive at once.
  'x-accel-buffering': 'no',
}

function writeMessages(stream: ServerResponse, messages: readonly FeedMessage[]): void {
  if (stream.destroyed || stream.writableEnded) return
  stream.write(messages.map(toText).join(''))
  if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
}

function toText(message: FeedMessage): string {
  if (message.kind === 'status') return toEvent('status', message.change)
  const { kind, ...body } = message
  return toEvent(kind, body)
}

function lastEventId(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

const tooManyReaders = () =>
  new PosternError({
    status: 503,
    code: 'too_many_readers',
    detail: 'This node serves as many readers as it can.',
    headers: { 'retry-after': '5' },
  })

const tooManyStreams = (limit: number) =>
  new PosternError({
    status: 429,
    code: 'too_many_streams',
    detail:
      `This client has ${limit} streams on this node, and no client may have more. ` +
      'End one, give each resource server a client of its own, or let an operator raise FEED_STREAMS_PER_CLIENT.',
    headers: { 'retry-after': '5' },
    extra: { limit },
  })

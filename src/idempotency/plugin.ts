import { createHmac } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest, onSendAsyncHookHandler } from 'fastify'
import { deriveKey } from '../config/app-key.ts'
import type { Database } from '../database/database.ts'
import { invalid, PosternError } from '../errors/errors.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import { type Caller, callerOf } from './caller.ts'
import { createStoredResponses } from './store.ts'

export interface IdempotencyOptions {
  db: Database
  /** At least 32 random bytes in base64. */
  appKey: string
}

interface Answer {
  status: number
  type?: string | undefined
  location?: string | undefined
  body: string
}

/** A request that was the first with its key. */
interface First {
  hash: Buffer
  lock: string
  secret: string
}

declare module 'fastify' {
  interface FastifyRequest {
    firstWithKey?: First
    /**
     * For a route that signs a user in: claims the `Idempotency-Key` of the request for that user, after the credentials were
     * accepted, so that nobody else gets a stored response.
     * @returns the reply, if it was sent from a stored response
     */
    claimIdempotencyKey?: (userId: string) => Promise<FastifyReply | undefined>
  }
}

const PURPOSE = 'postern idempotent responses'
/** Visible ASCII, with or without the quotation marks of draft-ietf-httpapi-idempotency-key-header. */
const KEY = /^[\x21-\x7e]{1,255}$/
/** They say what became of a request, so the same request gets the same answer. Others had no effect, or are not finished. */
const isFinal = (status: number) => status >= 200 && status < 300 && status !== 202

/**
 * Answers a POST that is sent again with the same `Idempotency-Key` within 24 hours as it was answered the first time, and
 * marks the answer with `Idempotency-Replayed: true`. The same key with another body is 409, and so is one whose first request
 * is still being processed. Requests that failed are processed again.
 *
 * Responses may contain secrets: they are encrypted with a key that takes APP_KEY, the `Idempotency-Key` and the token of the
 * request, none of which the database stores.
 * @example await useIdempotency(api, { db, appKey: config.appKey })
 */
export function useIdempotency(app: FastifyInstance, { db, appKey }: IdempotencyOptions): void {
  const stored = createStoredResponses(db)
  const derived = Buffer.from(deriveKey(appKey, PURPOSE))
  const mac = (...parts: string[]) => createHmac('sha256', derived).update(JSON.stringify(parts)).digest()

  async function claim(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    caller: Caller,
  ): Promise<FastifyReply | undefined> {
    const hash = mac('key', caller.id, request.url, key)
    const claimed = await stored.claim(
      hash,
      mac('body', JSON.stringify(sorted(caller.signedIn ? withoutCredentials(request.body) : (request.body ?? null)))),
    )
    const secret = [derived.toString('base64url'), key, caller.secret].join('\n')
    if (claimed.state === 'conflict') throw otherBody()
    if (claimed.state === 'running') throw stillRunning()
    if (claimed.state === 'done') return send(reply, await decryptUnder<Answer>(secret, PURPOSE, claimed.response))
    request.firstWithKey = { hash, lock: claimed.lock, secret }
    return undefined
  }

  const storeAnswer: onSendAsyncHookHandler = async (request, reply, payload) => {
    const { firstWithKey: first } = request
    if (!first) return payload
    const { statusCode: status } = reply
    try {
      if (isFinal(status))
        await stored.complete(
          first.hash,
          first.lock,
          await encryptUnder(first.secret, PURPOSE, answerOf(reply, payload)),
        )
      else await stored.release(first.hash, first.lock)
    } catch (error) {
      // What was done is done; without its answer, a retry is processed once the key is given back.
      request.log.warn({ err: error }, 'an idempotent response could not be stored')
    }
    return payload
  }

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key']
    if (key === undefined || request.method !== 'POST') return undefined
    if (typeof key !== 'string' || !KEY.test(key))
      throw invalid({ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters, such as a UUID' })
    const caller = callerOf(request)
    if (caller) return claim(request, reply, key, caller)
    request.claimIdempotencyKey = userId =>
      claim(request, reply, key, { id: `user:${userId}`, secret: '', signedIn: true })
    return undefined
  })
  app.addHook('onSend', storeAnswer)
}

const answerOf = (reply: FastifyReply, payload: unknown): Answer => ({
  status: reply.statusCode,
  type: reply.getHeader('content-type')?.toString(),
  location: reply.getHeader('location')?.toString(),
  body: typeof payload === 'string' ? payload : '',
})

function send(reply: FastifyReply, { status, type, location, body }: Answer): FastifyReply {
  reply.code(status).header('idempotency-replayed', 'true')
  if (type !== undefined) reply.type(type)
  if (location !== undefined) reply.header('location', location)
  return body === '' ? reply.send() : reply.send(body)
}

/** They were checked, and a retry may have another code. */
function withoutCredentials(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body ?? null
  const { password: _, code: _1, ...rest } = body as Record<string, unknown>
  return rest
}

/** The order of properties says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  )
}

const otherBody = () =>
  new PosternError({
    status: 409,
    code: 'conflict',
    detail: 'This Idempotency-Key was used with another body. Use a new key for a new request.',
  })

const stillRunning = () =>
  new PosternError({
    status: 409,
    code: 'conflict',
    detail: 'A request with this Idempotency-Key is being processed. Try again in a second.',
    headers: { 'retry-after': '1' },
  })

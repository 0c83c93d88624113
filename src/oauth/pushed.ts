import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { invalidRequest } from '../errors/protocol.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { sweep } from '../tokens/prune.ts'
import { PushedRequest } from './pushed-request.entity.ts'

/** An authorization request that is stored on the server, with the `request_uri` that names it. */
export interface StoredRequest extends Pick<PushedRequest, 'id' | 'createdAt'> {
  parameters: Record<string, string>
  requestUri: string
  /** One that a client pushed takes one answer (RFC 9126 §2.2). One that was sent with the browser is not used up. */
  oneTime: boolean
}

/**
 * Authorization requests that wait on the server: those that clients push before they send anybody (RFC 9126), and those
 * whose user has to sign in first (docs/adr/0041).
 */
export interface PushedRequests {
  /**
   * @param parameters checked
   * @returns the `request_uri`, good for one answer, and how many seconds it may wait for somebody to come with it
   */
  push(client: string, parameters: Record<string, string>): Promise<{ requestUri: string; expiresIn: number }>
  /**
   * Stores a request that came with the browser, so that the browser need not carry it through the sign-in.
   * @param parameters checked
   * @returns its `request_uri`, good for an hour and for any number of answers, so that Back and Reload work
   */
  store(client: string, parameters: Record<string, string>): Promise<string>
  /**
   * What is stored for this client under the URI. From then on the person has the time that an answer takes.
   * @throws 400 when it is unknown, answered, expired or another client's
   */
  find(requestUri: string, client: string): Promise<StoredRequest>
}

const PREFIX = 'urn:ietf:params:oauth:request_uri:'
/** Begins what names a request that the server keeps. It is part of the hash, so nobody can add it to a pushed one. */
const STORED_PREFIX = 'kept.'
const PURPOSE = 'postern authorization request'
const PUSHED_SECONDS = 90
/** For a sign-in page that stays open for a while. */
const STORED_SECONDS = 60 * 60
/** To sign in and to make up one's mind. */
export const ANSWER_SECONDS = 15 * 60

export function createPushedRequests(db: Database): PushedRequests {
  /** @returns the `request_uri` */
  async function insert(marker: string, client: string, parameters: Record<string, string>, seconds: number) {
    const text = marker + newSecret()
    const createdAt = new Date()
    const expiresAt = addSeconds(createdAt, seconds)
    const sealed = await encryptUnder(text, PURPOSE, parameters)
    const row = { id: newId(), hash: hashSecret(text), client, parameters: sealed, createdAt, expiresAt }
    await db.run(em => em.insert(PushedRequest, row))
    await sweep(db, 'oauth_pushed_requests')
    return PREFIX + text
  }

  return {
    push: async (client, parameters) => ({
      requestUri: await insert('', client, parameters, PUSHED_SECONDS),
      expiresIn: PUSHED_SECONDS,
    }),

    store: (client, parameters) => insert(STORED_PREFIX, client, parameters, STORED_SECONDS),

    find: (requestUri, client) =>
      db.run(async em => {
        const text = requestUri.slice(PREFIX.length)
        const live = { hash: hashSecret(text), client, expiresAt: { $gt: new Date() } }
        const found = requestUri.startsWith(PREFIX) ? await em.findOne(PushedRequest, live) : null
        if (!found) throw expiredRequest()
        const { id, createdAt } = found
        const parameters = await decryptUnder<Record<string, string>>(text, PURPOSE, found.parameters).catch(unreadable)
        const oneTime = !text.startsWith(STORED_PREFIX)
        // A page that is loaded anew does not prolong a pushed request, but it may a kept one.
        const until = addSeconds(oneTime ? createdAt : new Date(), ANSWER_SECONDS)
        if (oneTime || found.expiresAt < until) await em.nativeUpdate(PushedRequest, { id }, { expiresAt: until })
        return { id, parameters, createdAt, requestUri, oneTime }
      }),
  }
}

/**
 * Takes a pushed request away in the transaction of `em` that answers it.
 * @throws 400 when it was answered before
 */
export async function consumePushed(em: Em, { id, oneTime }: StoredRequest): Promise<void> {
  if (oneTime && (await em.nativeDelete(PushedRequest, { id })) === 0) throw expiredRequest()
}

const expiredRequest = () =>
  invalidRequest('This request has expired or was answered before. Go back to the app and start again.')

/** Versions before this one stored the parameters in clear. Such a row lives a quarter of an hour at most. */
function unreadable(): never {
  throw expiredRequest()
}

const addSeconds = (time: Date, seconds: number) => new Date(time.getTime() + seconds * 1000)

import type { Client } from '../clients/client.entity.ts'
import { isStored } from '../clients/metadata-clients.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { invalidRequest } from '../errors/protocol.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { sweep } from '../tokens/prune.ts'
import { PushedRequest } from './pushed-request.entity.ts'
import { SEALED_PREFIX, type SealedRequests } from './sealed.ts'

/** An authorization request that is stored on the server, with the `request_uri` that names it. */
export interface StoredRequest extends Pick<PushedRequest, 'id' | 'createdAt'> {
  parameters: Record<string, string>
  requestUri: string
  /** Whether it can be used once: true if the client pushed it (RFC 9126 §2.2), false if the browser sent it. */
  oneTime: boolean
  /** The client has no row, so the request is not in the database. */
  sealedFor?: { client: string; expiresAt: Date } | undefined
}

/**
 * Authorization requests stored on the server: those that clients push before they redirect the user (RFC 9126), and those
 * whose user must sign in first (docs/adr/0041).
 */
export interface PushedRequests {
  /**
   * @param parameters validated parameters
   * @returns the `request_uri`, valid for one authorization, and its lifetime in seconds until it is first used
   */
  push(client: Client, parameters: Record<string, string>): Promise<{ requestUri: string; expiresIn: number }>
  /**
   * Stores a request that the browser sent, so that it need not be passed through the sign-in pages.
   * @param parameters validated parameters
   * @returns its `request_uri`, valid for an hour and any number of authorizations, so that Back and Reload work
   */
  store(client: Client, parameters: Record<string, string>): Promise<string>
  /**
   * Finds the request of this client. From then on, the user has 15 minutes to decide.
   * @throws 400 if it is unknown, already used, expired or another client's
   */
  find(requestUri: string, client: string): Promise<StoredRequest>
}

const PREFIX = 'urn:ietf:params:oauth:request_uri:'
/** Marks a request that the browser sent. It is part of the hash, so that it cannot be added to a pushed one. */
const STORED_PREFIX = 'kept.'
const PURPOSE = 'postern authorization request'
const PUSHED_SECONDS = 90
/** Long enough for a sign-in page that stays open for a while. */
const STORED_SECONDS = 60 * 60
/** The time to sign in and decide. */
export const DECISION_SECONDS = 15 * 60

/** @param sealedRequests for clients that have no row */
export function createPushedRequests(db: Database, sealedRequests: SealedRequests): PushedRequests {
  /** Its lifetime includes the time to decide, since no row can be extended. */
  const seal = async (client: Client, parameters: Record<string, string>, seconds: number, oneTime: boolean) =>
    PREFIX + (await sealedRequests.seal(client, parameters, seconds + DECISION_SECONDS, oneTime))

  async function openSealed(requestUri: string, client: string): Promise<StoredRequest> {
    const request = await sealedRequests.open(requestUri.slice(PREFIX.length))
    if (request?.client !== client) throw expiredRequest()
    const { id, parameters, oneTime } = request
    const sealedFor = { client, expiresAt: new Date(request.expiresAt) }
    return { id, parameters, createdAt: new Date(request.createdAt), requestUri, oneTime, sealedFor }
  }

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
      requestUri: isStored(client)
        ? await insert('', client.id, parameters, PUSHED_SECONDS)
        : await seal(client, parameters, PUSHED_SECONDS, true),
      expiresIn: PUSHED_SECONDS,
    }),

    store: (client, parameters) =>
      isStored(client)
        ? insert(STORED_PREFIX, client.id, parameters, STORED_SECONDS)
        : seal(client, parameters, STORED_SECONDS, false),

    find: async (requestUri, client) => {
      if (requestUri.startsWith(PREFIX + SEALED_PREFIX)) return openSealed(requestUri, client)
      return db.run(async em => {
        const text = requestUri.slice(PREFIX.length)
        const live = { hash: hashSecret(text), client, expiresAt: { $gt: new Date() } }
        const found = requestUri.startsWith(PREFIX) ? await em.findOne(PushedRequest, live) : null
        if (!found) throw expiredRequest()
        const { id, createdAt } = found
        const parameters = await decryptUnder<Record<string, string>>(text, PURPOSE, found.parameters).catch(unreadable)
        const oneTime = !text.startsWith(STORED_PREFIX)
        // Reloading a page does not extend a pushed request, but it may extend one that the browser sent.
        const until = addSeconds(oneTime ? createdAt : new Date(), DECISION_SECONDS)
        if (oneTime || found.expiresAt < until) await em.nativeUpdate(PushedRequest, { id }, { expiresAt: until })
        return { id, parameters, createdAt, requestUri, oneTime }
      })
    },
  }
}

/**
 * Deletes a pushed request in the transaction of `em` that completes it.
 * @throws 400 if it has already been used
 */
export async function consumePushed(em: Em, { id, oneTime, sealedFor }: StoredRequest): Promise<void> {
  if (!oneTime) return
  const isFirst = sealedFor ? await markUsed(em, id, sealedFor) : (await em.nativeDelete(PushedRequest, { id })) > 0
  if (!isFirst) throw expiredRequest()
}

/** The client has a row by now: the same transaction stored the consent. One that the user denied leaves nothing. */
async function markUsed(em: Em, id: string, { client, expiresAt }: NonNullable<StoredRequest['sealedFor']>) {
  const first = await em.execute(
    `insert into oauth_used_assertions (client_id, hash, expires_at) select id, ?, ? from oauth_clients where id = ?
     on conflict do nothing returning client_id`,
    [hashSecret(`request ${id}`), expiresAt, client],
  )
  const [row] = first.length > 0 ? first : await em.execute('select from oauth_clients where id = ?', [client])
  return first.length > 0 || row === undefined
}

const expiredRequest = () =>
  invalidRequest('This request has expired or was already used. Go back to the app and start again.')

/** Earlier versions stored the parameters unencrypted. Such a row exists for at most 15 minutes. */
function unreadable(): never {
  throw expiredRequest()
}

const addSeconds = (time: Date, seconds: number) => new Date(time.getTime() + seconds * 1000)

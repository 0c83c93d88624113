import { randomBytes } from 'node:crypto'
import type { Database, Em } from '../database.ts'
import { newId } from '../ids.ts'
import { invalidRequest } from '../protocol-errors.ts'
import { sweep } from '../tokens/prune.ts'
import { hashText } from '../tokens/text.ts'
import { PushedRequest } from './pushed-request.entity.ts'

export type Pushed = Pick<PushedRequest, 'id' | 'parameters' | 'createdAt'>

/** Authorization requests that clients push before they send anybody (RFC 9126). */
export interface PushedRequests {
  /**
   * @param parameters checked
   * @returns the `request_uri`, good for one answer, and how many seconds it may wait for somebody to come with it
   */
  push(client: string, parameters: Record<string, string>): Promise<{ requestUri: string; expiresIn: number }>
  /**
   * What this client pushed under the URI. From then on the person has the time that an answer takes.
   * @throws 400 when it is unknown, answered, expired or another client's
   */
  find(requestUri: string, client: string): Promise<Pushed>
}

const PREFIX = 'urn:ietf:params:oauth:request_uri:'
const WAIT_SECONDS = 90
/** To sign in and to make up one's mind. */
export const ANSWER_SECONDS = 15 * 60

export function createPushedRequests(db: Database): PushedRequests {
  return {
    async push(client, parameters) {
      const text = randomBytes(32).toString('base64url')
      const createdAt = new Date()
      const expiresAt = after(createdAt, WAIT_SECONDS)
      const row = { id: newId(), hash: hashText(text), client, parameters, createdAt, expiresAt }
      await db.run(em => em.insert(PushedRequest, row))
      await sweep(db, 'oauth_pushed_requests')
      return { requestUri: PREFIX + text, expiresIn: WAIT_SECONDS }
    },

    find: (requestUri, client) =>
      db.run(async em => {
        const hash = hashText(requestUri.slice(PREFIX.length))
        const live = { hash, client, expiresAt: { $gt: new Date() } }
        const found = requestUri.startsWith(PREFIX) ? await em.findOne(PushedRequest, live) : null
        if (!found) throw gone()
        const { id, createdAt } = found
        await em.nativeUpdate(PushedRequest, { id }, { expiresAt: after(createdAt, ANSWER_SECONDS) })
        return found
      }),
  }
}

/**
 * Takes a pushed request away in the transaction of `em` that answers it.
 * @throws 400 when it was answered before
 */
export async function answerPushed(em: Em, { id }: Pushed): Promise<void> {
  if ((await em.nativeDelete(PushedRequest, { id })) === 0) throw gone()
}

const gone = () =>
  invalidRequest('This request has expired or was answered before. Go back to the app and start again.')

const after = (time: Date, seconds: number) => new Date(time.getTime() + seconds * 1000)

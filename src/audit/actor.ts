import { AsyncLocalStorage } from 'node:async_hooks'

/** Who performs an action, and from where. The audit log reads it from here, so that functions need not pass it on. */
export interface Actor {
  userId: string | null
  clientId: string | null
  /** The token that the request was authenticated with; null: none. */
  tokenId: string | null
  /** The browser session; null: none. */
  sessionId: string | null
  /** IP address; null: the command line, or the server itself. */
  address: string | null
  /** The address is that of a proxy that nobody named, so that many share it. */
  shared?: boolean | undefined
  /** The `User-Agent` header, at most 255 characters; absent: the request has none. */
  userAgent?: string | undefined
}

const MAX_USER_AGENT_LENGTH = 255

/** Truncates a `User-Agent` header for the audit log: a client can send text of any length. */
export const boundedUserAgent = (header: string | undefined): string | undefined =>
  header?.slice(0, MAX_USER_AGENT_LENGTH)

const NO_ACTOR: Actor = Object.freeze({ userId: null, clientId: null, tokenId: null, sessionId: null, address: null })
const storage = new AsyncLocalStorage<Actor>()

/** Runs `work` on behalf of this actor. {@link setActor} updates the same object later, such as after a sign-in. */
export const runWithActor = <T>(actor: Actor, work: () => T): T => storage.run(actor, work)

export const getActor = (): Actor => storage.getStore() ?? NO_ACTOR

/** Whether anybody acts: not in the routes of an application that embeds the server. */
export const hasActor = (): boolean => storage.getStore() !== undefined

/** Updates the actor of the current request, once its user or client is known. */
export function setActor(fields: Partial<Actor>): void {
  const actor = storage.getStore()
  if (actor) Object.assign(actor, fields)
}

import { AsyncLocalStorage } from 'node:async_hooks'

/** Who does something, and from where; the audit trail names them without every function passing them on. */
export interface Actor {
  userId: string | null
  clientId: string | null
  /** The token that a request carries; null: none. */
  tokenId: string | null
  /** The session of the pages; null: none. */
  sessionId: string | null
  /** IP address; null: the command line, or the server itself. */
  address: string | null
  /** What the request calls itself, 255 characters at most; absent: nothing. */
  userAgent?: string | undefined
}

const LONGEST_USER_AGENT = 255

/** A `User-Agent` as the trail keeps it: anybody can send anything of any length. */
export const boundedUserAgent = (header: string | undefined): string | undefined => header?.slice(0, LONGEST_USER_AGENT)

const NO_ACTOR: Actor = Object.freeze({ userId: null, clientId: null, tokenId: null, sessionId: null, address: null })
const storage = new AsyncLocalStorage<Actor>()

/** Everything `work` does is done by this actor. What is learnt later (a sign-in) is written into the same object. */
export const runWithActor = <T>(actor: Actor, work: () => T): T => storage.run(actor, work)

export const getActor = (): Actor => storage.getStore() ?? NO_ACTOR

/** From here on the request acts for this user or client. */
export function setActor(fields: Partial<Actor>): void {
  const actor = storage.getStore()
  if (actor) Object.assign(actor, fields)
}

import { setTimeout as sleep } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { statusListUri } from '../../packages/guard/src/claims.ts'
import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import { StatusBits } from '../../packages/guard/src/status-bits.ts'
import type { Database, Em } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'
import { createTurns } from './turns.ts'

/** A status list in the memory of a node. */
export interface StatusListState {
  readonly id: number
  readonly bits: StatusBits
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Sequence number of its last change since it was loaded. */
  changedAt?: number
  signed?: Signature | undefined
  /** The signature in progress. */
  signing?: Promise<void> | undefined
}

interface Signature {
  jwt: Buffer
  etag: string
  /** The key that signed it. */
  kid: string
  /** `changedAt` of the list when it was signed. */
  changedAt: number | undefined
  /** Milliseconds since the epoch. */
  signedAt: number
  /** The same time by the monotonic clock. */
  startedAt: number
}

export interface SignedList {
  /**
   * The text as bytes, which all responses share: a list of a million tokens has a quarter of a megabyte, and Node would convert
   * a string for each response.
   */
  jwt: Buffer
  etag: string
  /** Seconds for which it may be cached. */
  ttl: number
}

export interface ListRow {
  id: number
  size: number
  expires_at: Date | string
}

const LISTS = 'select id, size, expires_at from oauth_status_lists where expires_at > now() order by id'

/** The lists that have not expired. */
export const readStatusLists = (db: Database, em?: Em) => db.query<ListRow>(LISTS, [], em)

/** A list in which all statuses are 0. */
export const createListState = ({ id, size, expires_at }: ListRow): StatusListState => {
  return { id, bits: new StatusBits(size), expiresAt: new Date(expires_at).getTime() }
}

export function applyChange(list: StatusListState, { index, status, sequence }: StatusChange): void {
  list.bits.set(index, status)
  list.changedAt = sequence
}

/** Lifetime of a signed list (`exp`) as a multiple of its `ttl` (draft-ietf-oauth-status-list §5.1). */
const TTLS_TO_EXPIRY = 4

export interface ListSignerOptions {
  keys: Keys
  issuer: string
  /** Seconds for which a reader may cache a list. */
  ttl: number
}

/** Signs the current state of a list. @param sequence returns the last change that is in the list, at the time of signing */
export type SignList = (list: StatusListState, sequence: () => number) => Promise<SignedList>

/**
 * Minimum milliseconds between two signatures of a list: it bounds the cost, since anyone may request a list and any user
 * can change a status. Earlier requests wait and share the next signature, so that no response is outdated.
 */
const MIN_SIGNING_INTERVAL_MS = 1_000

/** Signs lists. Only one signature of a list is in progress at a time; concurrent requests wait for it. */
export function createListSigner({ keys, issuer, ttl }: ListSignerOptions): SignList {
  const nextTurn = createTurns()

  async function signList(list: StatusListState, sequence: number): Promise<Signature> {
    const { id, changedAt } = list
    const [signedAt, startedAt] = [Date.now(), performance.now()]
    const now = Math.floor(signedAt / 1000)
    const etag = `"${id}-${sequence}-${now}"`
    const sub = statusListUri(issuer, id)
    const body = { bits: 2, lst: await list.bits.encodeAsync(), aggregation_uri: `${issuer}/oauth/status-lists` }
    const exp = now + ttl * TTLS_TO_EXPIRY
    // `sequence` is a claim of our own: the last event that is in the list, for readers that also follow the feed.
    const jwt = await keys.sign({ iss: issuer, sub, iat: now, exp, ttl, sequence, status_list: body }, 'statuslist+jwt')
    const kid = decodeProtectedHeader(jwt).kid as string
    return { jwt: Buffer.from(jwt, 'latin1'), etag, kid, changedAt, signedAt, startedAt }
  }

  const isCurrent = (list: StatusListState, { changedAt, signedAt, kid }: Signature) =>
    !keys.revoked.includes(kid) && changedAt === list.changedAt && Date.now() - signedAt < ttl * 500

  /** Milliseconds until the list may be signed again; bounded in case the clock was set back. */
  const delay = ({ signed }: StatusListState) =>
    signed ? Math.min(MIN_SIGNING_INTERVAL_MS, Math.max(0, signed.signedAt + MIN_SIGNING_INTERVAL_MS - Date.now())) : 0

  return async (list, sequence) => {
    const requestedAt = performance.now()
    for (;;) {
      const { signed } = list
      // A signature started after the request contains every change before the request.
      const usable = signed && (isCurrent(list, signed) || signed.startedAt >= requestedAt)
      if (usable) return { jwt: signed.jwt, etag: signed.etag, ttl }
      // The signature in progress may predate a change: the loop checks it once it is done.
      list.signing ??= sleep(delay(list))
        .then(() => signList(list, sequence()))
        .then(signature => {
          list.signed = signature
        })
        .finally(() => {
          list.signing = undefined
        })
      await list.signing
      // Very many requests may have waited for it. Sending all responses at once would block the event loop.
      await nextTurn()
    }
  }
}

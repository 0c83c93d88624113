import { setTimeout as sleep } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { statusListUri } from '../../packages/guard/src/claims.ts'
import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import { StatusBits } from '../../packages/guard/src/status-bits.ts'
import type { Database, Em } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'

/** A status list as a node holds it. */
export interface StatusListState {
  readonly id: number
  readonly bits: StatusBits
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Sequence number of its last change since it is held. */
  changedAt?: number
  signed?: Signature | undefined
  /** The signature that is being made. */
  signing?: Promise<void> | undefined
}

interface Signature {
  jwt: string
  etag: string
  /** The key that signed it. */
  kid: string
  /** `changedAt` of the list when it was signed. */
  changedAt: number | undefined
  /** Milliseconds since the epoch. */
  signedAt: number
  /** The same by the monotonic clock. */
  startedAt: number
}

export interface SignedList {
  jwt: string
  etag: string
  /** Seconds it may be kept. */
  ttl: number
}

export interface ListRow {
  id: number
  size: number
  expires_at: Date | string
}

const LISTS = 'select id, size, expires_at from oauth_status_lists where expires_at > now() order by id'

/** The lists that have not ended. */
export const readStatusLists = (db: Database, em?: Em) => db.query<ListRow>(LISTS, [], em)

/** A list none of whose tokens has a status that is not 0. */
export const createListState = ({ id, size, expires_at }: ListRow): StatusListState => {
  return { id, bits: new StatusBits(size), expiresAt: new Date(expires_at).getTime() }
}

export function applyChange(list: StatusListState, { index, status, sequence }: StatusChange): void {
  list.bits.set(index, status)
  list.changedAt = sequence
}

/** Seconds after which a signed list is no proof any more, in times of its ttl (draft-ietf-oauth-status-list §5.1). */
const TTLS_TO_EXPIRY = 4

export interface ListSignerOptions {
  keys: Keys
  issuer: string
  /** Seconds a reader may keep a list. */
  ttl: number
}

/** The list as it is now, signed. @param sequence the last change that is in the list, when it is signed */
export type SignList = (list: StatusListState, sequence: () => number) => Promise<SignedList>

/**
 * A list is signed no more often than this, whatever changes and whoever asks: anybody may ask, and any user can change
 * a status. Whoever asks earlier waits, and shares the next signature, so that nobody gets a list that is out of date.
 */
const MIN_SIGNING_INTERVAL_MS = 1_000

/** One signature of a list is made at a time; whoever asks meanwhile waits for it. */
export function createListSigner({ keys, issuer, ttl }: ListSignerOptions): SignList {
  async function signList(list: StatusListState, sequence: number): Promise<Signature> {
    const { id, changedAt } = list
    const [signedAt, startedAt] = [Date.now(), performance.now()]
    const now = Math.floor(signedAt / 1000)
    const etag = `"${id}-${sequence}-${now}"`
    const sub = statusListUri(issuer, id)
    const body = { bits: 2, lst: await list.bits.encodeAsync(), aggregation_uri: `${issuer}/oauth/status-lists` }
    const exp = now + ttl * TTLS_TO_EXPIRY
    // `sequence` is ours: the last event that is in the list, for whoever follows the feed too.
    const jwt = await keys.sign({ iss: issuer, sub, iat: now, exp, ttl, sequence, status_list: body }, 'statuslist+jwt')
    const kid = decodeProtectedHeader(jwt).kid as string
    return { jwt, etag, kid, changedAt, signedAt, startedAt }
  }

  const isCurrent = (list: StatusListState, { changedAt, signedAt, kid }: Signature) =>
    !keys.revoked.includes(kid) && changedAt === list.changedAt && Date.now() - signedAt < ttl * 500

  /** Milliseconds until the list may be signed again. A clock that was set back does not stop that. */
  const wait = ({ signed }: StatusListState) =>
    signed ? Math.min(MIN_SIGNING_INTERVAL_MS, Math.max(0, signed.signedAt + MIN_SIGNING_INTERVAL_MS - Date.now())) : 0

  return async (list, sequence) => {
    const requestedAt = performance.now()
    for (;;) {
      const { signed } = list
      // One that was begun after the question has all that was so then, though more may have changed since.
      const usable = signed && (isCurrent(list, signed) || signed.startedAt >= requestedAt)
      if (usable) return { jwt: signed.jwt, etag: signed.etag, ttl }
      // What is being signed now may be from before a change: it is looked at when it is there.
      list.signing ??= sleep(wait(list))
        .then(() => signList(list, sequence()))
        .then(signature => {
          list.signed = signature
        })
        .finally(() => {
          list.signing = undefined
        })
      await list.signing
    }
  }
}

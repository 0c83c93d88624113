import type { Database, Em } from '../database.ts'
import { statusListUri } from '../guard/claims.ts'
import type { StatusChange } from '../guard/event-stream.ts'
import { StatusBits } from '../guard/status-bits.ts'
import type { Keys } from '../keys/keys.ts'

/** A status list as a node holds it. */
export interface HeldList {
  readonly id: number
  readonly bits: StatusBits
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Sequence number of its last change since it is held. */
  changedAt?: number
  signed?: { jwt: string; etag: string; until: number } | undefined
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
export const readLists = (db: Database, em?: Em) => db.query<ListRow>(LISTS, [], em)

/** A list none of whose tokens has a status that is not 0. */
export const hold = ({ id, size, expires_at }: ListRow): HeldList => {
  return { id, bits: new StatusBits(size), expiresAt: new Date(expires_at).getTime() }
}

export function put(list: HeldList, { index, status, sequence }: StatusChange): void {
  list.bits.set(index, status)
  list.signed = undefined
  list.changedAt = sequence
}

/** Seconds after which a signed list is no proof any more, in times of its ttl (draft-ietf-oauth-status-list §5.1). */
const TTLS_TO_EXPIRY = 4

export interface SignerOptions {
  keys: Keys
  issuer: string
  /** Seconds a reader may keep a list. */
  ttl: number
}

/** Signs a list as it is, and keeps that until it changes or half its time is over. @param sequence the last change */
export type SignList = (list: HeldList, sequence: number) => Promise<SignedList>

export function createListSigner({ keys, issuer, ttl }: SignerOptions): SignList {
  async function sign(list: HeldList, sequence: number): Promise<SignedList> {
    const { id, changedAt } = list
    const now = Math.floor(Date.now() / 1000)
    const etag = `"${id}-${sequence}-${now}"`
    const sub = statusListUri(issuer, id)
    const body = { bits: 2, lst: list.bits.encode(), aggregation_uri: `${issuer}/oauth/status-lists` }
    const exp = now + ttl * TTLS_TO_EXPIRY
    // `sequence` is ours: the last event that is in the list, for whoever follows the feed too.
    const jwt = await keys.sign({ iss: issuer, sub, iat: now, exp, ttl, sequence, status_list: body }, 'statuslist+jwt')
    // What changed while it was signed is not in it.
    if (list.changedAt === changedAt) list.signed = { jwt, etag, until: Date.now() + ttl * 500 }
    return { jwt, etag, ttl }
  }

  return async (list, sequence) => {
    const { signed } = list
    return signed && signed.until > Date.now() ? { jwt: signed.jwt, etag: signed.etag, ttl } : sign(list, sequence)
  }
}

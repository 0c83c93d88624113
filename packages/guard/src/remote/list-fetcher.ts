import type { JWTVerifyGetKey } from 'jose'
import { jwtVerify } from 'jose/jwt/verify'
import { StatusBits } from '../status-bits.ts'
import type { Clock } from './clock.ts'
import type { HttpClient } from './http.ts'

/** A status list as the issuer signed it, and what is known of its age. */
export interface StatusList {
  bits: StatusBits
  /** The sequence number of the last event in it; undefined when the issuer does not state one. */
  sequence: number | undefined
  /** When it was signed, or last confirmed by the feed, in seconds since the epoch. */
  iat: number
  /** The monotonic time in milliseconds at which it was known to be up to date. */
  validAt: number
  /** Milliseconds. */
  ttlMs: number
  /** The issuer has lost changes that this guard knows, so what was revoked here stays revoked (docs/adr/0078). */
  keepsRevoked?: boolean
}

/** Fetches a list and verifies its signature (draft-ietf-oauth-status-list §8). @throws Error when it is not acceptable */
export type FetchList = (uri: string, headers?: Record<string, string>) => Promise<StatusList>

export interface ListFetcherOptions {
  issuer: string
  http: Pick<HttpClient, 'get'>
  key: JWTVerifyGetKey
  clock: Clock
}

/** Makes HTTP caches between guard and issuer fetch the list again. */
export const UNCACHED = { 'cache-control': 'no-cache' }

export function createListFetcher({ issuer, http, key, clock }: ListFetcherOptions): FetchList {
  async function fetchList(uri: string, headers: Record<string, string> = {}): Promise<StatusList> {
    const { status, text, requestedAt } = await http.get(uri, { accept: 'application/statuslist+jwt', ...headers })
    if (status !== 200) throw new Error(`${uri} returned ${status}`)
    const currentDate = new Date(clock.now())
    const { payload } = await jwtVerify(text, key, { issuer, subject: uri, typ: 'statuslist+jwt', currentDate })
    const body = payload.status_list as { bits?: unknown; lst?: unknown }
    if (body?.bits !== 2 || typeof body.lst !== 'string')
      throw new Error(`${uri} is not a status list of two bits per status`)
    const { iat = Number.NaN } = payload
    if (!clock.signed(iat * 1000)) throw new Error(`${uri} ${SIGNED_IN_FUTURE}`)
    const sequence = typeof payload.sequence === 'number' ? payload.sequence : undefined
    // It was up to date when it was signed, however long caches stored it.
    const signedAgo = Math.max(0, clock.now() - iat * 1000 - 1_000)
    const ttlMs = Number(payload.ttl ?? 15) * 1000
    return { bits: StatusBits.decode(body.lst), sequence, iat, validAt: requestedAt - signedAgo, ttlMs }
  }

  return (uri, headers) =>
    fetchList(uri, headers).catch(error => {
      // An HTTP cache may return a list that was signed by a key revoked since.
      const { code } = error as { code?: string }
      if (code === 'ERR_JWKS_NO_MATCHING_KEY' && headers !== UNCACHED) return fetchList(uri, UNCACHED)
      throw code === 'ERR_JWT_EXPIRED' ? new Error(EXPIRED, { cause: error }) : error
    })
}

const SIGNED_IN_FUTURE = "was signed in the future according to this machine's clock. Check the clock."
const EXPIRED =
  "The status lists from the issuer have expired according to this machine's clock. Check the clock, and any cache between guard and issuer."

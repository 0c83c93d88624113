import { type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { StatusChange } from '../event-stream.ts'
import { type Status, StatusBits } from '../status-bits.ts'
import type { Clock } from './clock.ts'
import type { HttpClient } from './http.ts'
import type { Monitor } from './monitor.ts'
import { valueWithin } from './timeout.ts'

/** The status reference of a token (draft-ietf-oauth-status-list §6.1). */
export interface StatusReference {
  uri: string
  idx: number
}

/** The issuer's status lists, cached and kept up to date by the event feed. */
export interface RemoteStatusLists {
  /** Reads the status reference of a `status` claim; undefined when it has none or an invalid one. */
  toStatusReference(status: unknown): StatusReference | undefined
  /** The status by a cached list that is fresh: kept up to date by a live feed, or younger than its ttl. */
  getFresh(reference: StatusReference): Status | undefined
  /** The status by a cached list that is younger than `maxStalenessMs`. */
  getUsable(reference: StatusReference): Status | undefined
  /** Fetches the list unless it is fresh. Undefined when there is no list younger than `maxStalenessMs`. */
  getOrFetch(reference: StatusReference): Promise<Status | undefined>
  /** Applies an event of the feed. Events must arrive in order. */
  apply(change: StatusChange): void
  /** The feed delivers every event after this sequence number. */
  feedStarted(sequence: number): void
  /** The feed was alive at this monotonic time, so the lists that it follows were up to date then. */
  confirmAt(at: number): void
  /** Fetches every cached list that is about to become stale, so that no request waits for it. */
  refresh(): Promise<void>
  /** Bytes of the cached lists. */
  readonly bytes: number
}

export interface RemoteStatusListsOptions {
  issuer: string
  /** The issuer and its previous identifiers, which older tokens have in the URIs of their lists. */
  issuers: () => readonly string[]
  http: HttpClient
  monitor: Monitor
  key: JWTVerifyGetKey
  clock: Clock
  /** Whether the feed is connected and up to date. */
  isFeedAlive: () => boolean
  /** The maximum age in milliseconds of a list that is used when no newer one can be fetched. */
  maxStalenessMs: number
}

interface CachedList {
  bits: StatusBits
  /** The sequence number of the last event in it; undefined when the issuer does not state one. */
  sequence: number | undefined
  /** When it was signed, or last confirmed by the feed, in seconds since the epoch. */
  iat: number
  /** The monotonic time in milliseconds at which it was known to be up to date. */
  validAt: number
  /** Milliseconds. */
  ttlMs: number
}

/** Milliseconds that a check waits for a fresh list when it can use the cached one. */
const SHORT_WAIT_MS = 500
const UNCACHED = { 'cache-control': 'no-cache' }
/** The maximum number of recent events that are kept to update a list signed before them. */
const MAX_RECENT_CHANGES = 10_000

export function createRemoteStatusLists(options: RemoteStatusListsOptions): RemoteStatusLists {
  const { issuer, issuers, http, monitor, key, clock, isFeedAlive, maxStalenessMs } = options
  const cache = new Map<string, CachedList>()
  const fetching = new Map<string, { list: Promise<CachedList>; at: number }>()
  /** Thousands of tokens name the same list. Sharing one string makes look-ups faster. */
  const uris = new Map<string, string>()
  let recentChanges: StatusChange[] = []
  /** The feed has delivered every event after this sequence number; undefined before the first one. */
  let feedStart: number | undefined

  /** The URI of the list at the current issuer. */
  function internUri(original: string): string {
    const prefix = issuers().find(each => original.startsWith(`${each}/`))
    if (prefix === undefined) return original
    const uri = issuer + original.slice(prefix.length)
    uris.set(original, uris.get(uri) ?? uri)
    return uris.get(original) as string
  }

  const age = (list: CachedList) => performance.now() - list.validAt
  /** The feed has delivered every event since the list was signed. */
  const isFollowed = ({ sequence }: CachedList) =>
    feedStart !== undefined && sequence !== undefined && sequence >= feedStart
  const isFresh = (list: CachedList) => (isFeedAlive() && isFollowed(list)) || age(list) <= list.ttlMs

  const statusIn = (list: CachedList, idx: number): Status | undefined =>
    idx < list.bits.size ? list.bits.get(idx) : undefined

  async function load(uri: string): Promise<CachedList> {
    // An HTTP cache may return a list that was signed by a key revoked since,
    let list = await fetchList(uri, {}).catch(error => {
      if ((error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY') return fetchList(uri, UNCACHED)
      throw error
    })
    // or one from before the feed started.
    if (isFeedAlive() && feedStart !== undefined && !isFollowed(list)) list = await fetchList(uri, UNCACHED)
    const number = listNumber(uri)
    for (const change of recentChanges) {
      if (change.list === number && change.sequence > (list.sequence ?? 0)) list.bits.set(change.index, change.status)
    }
    const cached = cache.get(uri)
    if (cached && isOlder(list, cached)) throw new Error(`${uri} is older than the cached list.`)
    if (cached && isAsOld(list, cached)) list.bits.keepRevoked(cached.bits)
    cache.set(uri, list)
    return list
  }

  /** Detects a replayed list. The clocks of the nodes differ, so `iat` alone is not sufficient. */
  function isOlder(list: CachedList, cached: CachedList): boolean {
    // The events that it lacks were applied from the feed.
    if (isFollowed(list)) return false
    if (list.sequence === undefined || cached.sequence === undefined) return list.iat < cached.iat
    return list.sequence < cached.sequence && list.iat <= cached.iat
  }

  /** Whether the order of the two lists is unknown. What either has as revoked stays revoked. */
  const isAsOld = (list: CachedList, cached: CachedList) =>
    list.iat === cached.iat && (list.sequence === undefined || cached.sequence === undefined)

  async function fetchList(uri: string, headers: Record<string, string>): Promise<CachedList> {
    const { status, text, requestedAt } = await http.get(uri, { accept: 'application/statuslist+jwt', ...headers })
    if (status !== 200) throw new Error(`${uri} returned ${status}`)
    const currentDate = new Date(clock.now())
    const { payload } = await jwtVerify(text, key, {
      issuer,
      subject: uri,
      typ: 'statuslist+jwt',
      currentDate,
    })
    const body = payload.status_list as { bits?: unknown; lst?: unknown }
    if (body?.bits !== 2 || typeof body.lst !== 'string')
      throw new Error(`${uri} is not a status list of two bits per status`)
    const { iat = Number.NaN } = payload
    if (!clock.signed(iat * 1000)) throw new Error(`${uri} ${FROM_THE_FUTURE}`)
    const sequence = typeof payload.sequence === 'number' ? payload.sequence : undefined
    // It was up to date when it was signed, however long caches kept it.
    const signedAgo = Math.max(0, clock.now() - iat * 1000 - 1_000)
    return {
      bits: StatusBits.decode(body.lst),
      sequence,
      iat,
      validAt: requestedAt - signedAgo,
      ttlMs: Number(payload.ttl ?? 15) * 1000,
    }
  }

  async function monitored(loading: Promise<CachedList>): Promise<CachedList> {
    try {
      const list = await loading
      monitor.ok('lists')
      return list
    } catch (error) {
      const expired = (error as { code?: string }).code === 'ERR_JWT_EXPIRED'
      monitor.failed('lists', expired ? new Error(EXPIRED, { cause: error }) : error)
      throw error
    }
  }

  /** Concurrent callers share one request, unless it was sent longer ago than the ttl of the list. */
  function fetchShared(uri: string): Promise<CachedList> {
    const now = performance.now()
    const pending = fetching.get(uri)
    if (pending && now - pending.at <= (cache.get(uri)?.ttlMs ?? Number.POSITIVE_INFINITY)) return pending.list
    const entry = { list: monitored(load(uri)), at: now }
    fetching.set(uri, entry)
    const remove = () => void (fetching.get(uri) === entry && fetching.delete(uri))
    entry.list.then(remove, remove)
    return entry.list
  }

  return {
    toStatusReference(status) {
      const { uri, idx } = (status as { status_list?: Partial<StatusReference> } | undefined)?.status_list ?? {}
      if (typeof uri !== 'string' || !Number.isInteger(idx) || Number(idx) < 0) return undefined
      return { uri: uris.get(uri) ?? internUri(uri), idx: Number(idx) }
    },
    get bytes() {
      return [...cache.values()].reduce((sum, list) => sum + list.bits.bytes, 0)
    },
    getFresh({ uri, idx }) {
      const list = cache.get(uri)
      return list && isFresh(list) ? statusIn(list, idx) : undefined
    },
    getUsable({ uri, idx }) {
      const list = cache.get(uri)
      return list && age(list) <= maxStalenessMs ? statusIn(list, idx) : undefined
    },
    async getOrFetch({ uri, idx }) {
      if (!uri.startsWith(`${issuer}/`)) return undefined
      const list = cache.get(uri)
      if (list && isFresh(list)) return statusIn(list, idx)
      const usable = list !== undefined && age(list) <= maxStalenessMs
      try {
        const loading = fetchShared(uri)
        // With a usable list the check waits only briefly, and not at all while the issuer is slow. The request continues.
        const fetched = usable ? await valueWithin(loading, http.slow ? 0 : SHORT_WAIT_MS) : await loading
        return statusIn(fetched ?? (list as CachedList), idx)
      } catch {
        return usable ? statusIn(list, idx) : undefined
      }
    },
    apply(change) {
      recentChanges.push(change)
      for (const [uri, list] of cache) {
        if (listNumber(uri) === change.list && change.sequence > (list.sequence ?? 0)) {
          list.bits.set(change.index, change.status)
        }
        if (isFollowed(list)) list.sequence = Math.max(list.sequence ?? 0, change.sequence)
      }
      if (recentChanges.length <= MAX_RECENT_CHANGES * 2) return
      feedStart = recentChanges.at(-MAX_RECENT_CHANGES - 1)?.sequence
      recentChanges = recentChanges.slice(-MAX_RECENT_CHANGES)
    },
    confirmAt(at) {
      const iat = Math.floor(clock.now() / 1000)
      for (const list of cache.values()) {
        if (!isFollowed(list)) continue
        list.validAt = at
        list.iat = Math.max(iat, list.iat)
      }
    },
    feedStarted(sequence) {
      feedStart = sequence
      recentChanges = []
    },
    async refresh() {
      // A live feed keeps the lists up to date. Without it they have to be fetched.
      const stale = [...cache].filter(([, list]) => (isFeedAlive() ? !isFollowed(list) : age(list) > list.ttlMs / 2))
      await Promise.allSettled(stale.map(([uri]) => fetchShared(uri)))
    },
  }
}

const FROM_THE_FUTURE = "was signed in the future according to this machine's clock. Check the clock."
const EXPIRED =
  "The status lists from the issuer have expired according to this machine's clock. Check the clock, and any cache between guard and issuer."

const listNumber = (uri: string) => Number(uri.slice(uri.lastIndexOf('/') + 1))

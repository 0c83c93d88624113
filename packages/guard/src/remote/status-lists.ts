import type { StatusChange } from '../event-stream.ts'
import type { Status } from '../status-bits.ts'
import type { HttpClient } from './http.ts'
import { ListCache } from './list-cache.ts'
import { createListFetcher, type ListFetcherOptions, type StatusList, UNCACHED } from './list-fetcher.ts'
import { createToStatusReference, type StatusReference, type ToStatusReference } from './list-uris.ts'
import type { LostRevocations } from './lost-revocations.ts'
import type { Monitor } from './monitor.ts'
import { RecentChanges } from './recent-changes.ts'
import { valueWithin } from './timeout.ts'

/** The issuer's status lists, cached and kept up to date by the event feed. */
export interface RemoteStatusLists {
  toStatusReference: ToStatusReference
  /** The status by a cached list that is fresh: kept up to date by a live feed, or younger than its ttl. */
  getFresh(reference: StatusReference): Status | undefined
  /** The status by a cached list that is younger than `maxStalenessMs`. */
  getUsable(reference: StatusReference): Status | undefined
  /**
   * Fetches the list unless it is fresh. Undefined when there is none that is fresh or younger than `maxStalenessMs`, however
   * long its signature is valid.
   */
  getOrFetch(reference: StatusReference): Promise<Status | undefined>
  /** Applies an event of the feed. Events must arrive in order. */
  apply(change: StatusChange): void
  /** The feed delivers every event after this sequence number. */
  feedStarted(sequence: number): void
  /** Whether a cached list of any age says that the token is revoked, which is final. */
  remembersRevoked(reference: StatusReference): boolean
  /** The feed was alive at this monotonic time, so the lists that it follows were up to date then. */
  confirmAt(at: number): void
  /** Fetches every cached list that is about to become stale, so that no request waits for it. Evicts unused lists. */
  refresh(): Promise<void>
  /** Whether every cached list is older than `maxStalenessMs`; undefined without a cached list. */
  readonly stale: boolean | undefined
  /** Bytes of the cached lists. */
  readonly bytes: number
}

export interface RemoteStatusListsOptions extends ListFetcherOptions {
  /** The issuer and its previous identifiers, which older tokens have in the URIs of their lists. */
  issuers: () => readonly string[]
  http: HttpClient
  monitor: Monitor
  /** Receives the revocations that the issuer lost. */
  lost: LostRevocations
  /** Whether the feed is connected and up to date. */
  isFeedAlive: () => boolean
  /** The maximum age in milliseconds of a list that is used when no newer one can be fetched. */
  maxStalenessMs: number
}

const TOO_OLD = "Check the caches between guard and issuer, and this machine's clock."

/** Milliseconds that a check waits for a fresh list when it can use the cached one. */
const SHORT_WAIT_MS = 500

const age = (list: StatusList) => performance.now() - list.validAt

const statusIn = (list: StatusList, idx: number): Status | undefined =>
  idx < list.bits.size ? list.bits.get(idx) : undefined

export function createRemoteStatusLists(options: RemoteStatusListsOptions): RemoteStatusLists {
  const { issuer, issuers, http, monitor, clock, isFeedAlive, maxStalenessMs } = options
  const changes = new RecentChanges()
  const cache = new ListCache(changes, options.lost)
  const fetchList = createListFetcher(options)
  const fetchShared = createSharedFetch(monitor, load, uri => cache.peek(uri)?.ttlMs)

  const isFresh = (list: StatusList) => (isFeedAlive() && changes.cover(list)) || age(list) <= list.ttlMs
  const isUsable = (list: StatusList) => age(list) <= maxStalenessMs
  const isTooOld = (list: StatusList) => !isFresh(list) && !isUsable(list)

  async function load(uri: string): Promise<StatusList> {
    let list = await fetchList(uri)
    // An HTTP cache may return a list from before the feed started, or one older than its ttl.
    const lacksEvents = isFeedAlive() && changes.started && !changes.cover(list)
    if (lacksEvents || isTooOld(list)) list = await fetchList(uri, UNCACHED)
    if (isTooOld(list)) throw new Error(`${uri} was signed ${Math.round(age(list) / 1000)} seconds ago. ${TOO_OLD}`)
    cache.store(uri, list)
    return list
  }

  async function getOrFetch({ uri, idx }: StatusReference): Promise<Status | undefined> {
    if (!uri.startsWith(`${issuer}/`)) return undefined
    const list = cache.use(uri)
    if (list && isFresh(list)) return statusIn(list, idx)
    const usable = list !== undefined && isUsable(list)
    try {
      const loading = fetchShared(uri)
      // With a usable list the check waits only briefly, and not at all while the issuer is slow. The request continues.
      const fetched = usable ? await valueWithin(loading, http.slow ? 0 : SHORT_WAIT_MS) : await loading
      const current = fetched ?? (list as StatusList)
      return isTooOld(current) ? undefined : statusIn(current, idx)
    } catch {
      return usable ? statusIn(list, idx) : undefined
    }
  }

  return {
    toStatusReference: createToStatusReference(issuer, issuers),
    get stale() {
      return cache.size === 0 ? undefined : cache.urisOf(isUsable).length === 0
    },
    get bytes() {
      return cache.bytes
    },
    getFresh({ uri, idx }) {
      const list = cache.use(uri)
      return list && isFresh(list) ? statusIn(list, idx) : undefined
    },
    getUsable({ uri, idx }) {
      const list = cache.use(uri)
      return list && isUsable(list) ? statusIn(list, idx) : undefined
    },
    getOrFetch,
    apply(change) {
      changes.add(change)
      cache.apply(change)
    },
    confirmAt: at => cache.confirmAt(at, Math.floor(clock.now() / 1000)),
    feedStarted: sequence => cache.restart(sequence),
    remembersRevoked: ({ uri, idx }) => cache.remembersRevoked(uri, idx),
    async refresh() {
      cache.evict()
      // A live feed keeps the lists up to date. Without it they have to be fetched.
      const stale = (list: StatusList) => (isFeedAlive() ? !changes.cover(list) : age(list) > list.ttlMs / 2)
      await Promise.allSettled(cache.urisOf(stale).map(uri => fetchShared(uri)))
    },
  }
}

/**
 * Concurrent callers share one request, unless it was sent longer ago than the ttl of the list.
 * @param ttlOf milliseconds; undefined for a list that is not cached
 */
function createSharedFetch(
  monitor: Monitor,
  load: (uri: string) => Promise<StatusList>,
  ttlOf: (uri: string) => number | undefined,
): (uri: string) => Promise<StatusList> {
  const fetching = new Map<string, { list: Promise<StatusList>; at: number }>()

  async function monitored(loading: Promise<StatusList>): Promise<StatusList> {
    try {
      const list = await loading
      monitor.ok('lists')
      return list
    } catch (error) {
      monitor.failed('lists', error)
      throw error
    }
  }

  return uri => {
    const now = performance.now()
    const pending = fetching.get(uri)
    if (pending && now - pending.at <= (ttlOf(uri) ?? Number.POSITIVE_INFINITY)) return pending.list
    const entry = { list: monitored(load(uri)), at: now }
    fetching.set(uri, entry)
    const remove = () => void (fetching.get(uri) === entry && fetching.delete(uri))
    entry.list.then(remove, remove)
    return entry.list
  }
}

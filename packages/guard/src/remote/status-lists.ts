import { type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { StatusChange } from '../event-stream.ts'
import { type Status, StatusBits } from '../status-bits.ts'
import type { Clock } from './clock.ts'
import type { HttpClient } from './http.ts'
import type { Monitor } from './monitor.ts'
import { valueWithin } from './timeout.ts'

/** Where the status of a token stands (draft-ietf-oauth-status-list §6.1). */
export interface StatusReference {
  uri: string
  idx: number
}

export interface RemoteStatusLists {
  /** From a token's `status` claim to the place that it names; undefined: none that could be looked up. */
  toStatusReference(status: unknown): StatusReference | undefined
  /** The status, if memory holds a list that is fresh: followed by a live feed, or younger than its ttl. */
  getFresh(reference: StatusReference): Status | undefined
  /** The status by what is held, however it was had, if that is younger than the ceiling. */
  getUsable(reference: StatusReference): Status | undefined
  /** Fetches the list if it is not fresh. Undefined: none can be had that is younger than the ceiling. */
  getOrFetch(reference: StatusReference): Promise<Status | undefined>
  /** From the feed, in order. */
  apply(change: StatusChange): void
  /** The feed tells everything after this sequence number from now on. */
  feedStarted(sequence: number): void
  /** The feed was alive at this monotonic time: what it follows held then. */
  confirmAt(at: number): void
  /** Fetches every list that is held and will soon be stale, so that no request waits for it. */
  refresh(): Promise<void>
  /** Bytes that the statuses take. */
  readonly bytes: number
}

export interface RemoteStatusListsOptions {
  issuer: string
  /** It, and what it was called before: tokens from then name their lists so. */
  issuers: () => readonly string[]
  http: HttpClient
  monitor: Monitor
  key: JWTVerifyGetKey
  clock: Clock
  /** Whether the feed has shown a sign of life a moment ago. */
  isFeedAlive: () => boolean
  /** Milliseconds: the oldest list that is used when no younger one can be had. */
  maxStalenessMs: number
}

interface CachedList {
  bits: StatusBits
  /** The last event that is in it; undefined: the issuer does not say. */
  sequence: number | undefined
  /** When it was signed, or last known to hold by the feed; seconds since the epoch. */
  iat: number
  /** Monotonic; when what it says was known to hold. */
  validAt: number
  /** Milliseconds. */
  ttlMs: number
}

/** Milliseconds that a request waits for a fresh list while it may go on by the one that is held. */
const SHORT_WAIT_MS = 500
const UNCACHED = { 'cache-control': 'no-cache' }
/** Events kept to bring a list up to date that was signed before them. */
const MAX_RECENT_CHANGES = 10_000

export function createRemoteStatusLists(options: RemoteStatusListsOptions): RemoteStatusLists {
  const { issuer, issuers, http, monitor, key, clock, isFeedAlive, maxStalenessMs } = options
  const cache = new Map<string, CachedList>()
  const fetching = new Map<string, { list: Promise<CachedList>; at: number }>()
  /** Thousands of tokens name the same list: as one text in memory it is found without being read. */
  const uris = new Map<string, string>()
  let recentChanges: StatusChange[] = []
  /** The feed has told everything after it; undefined: it was never followed. */
  let feedStart: number | undefined

  /** The URI by which the list is to be had now. */
  function internUri(named: string): string {
    const before = issuers().find(each => named.startsWith(`${each}/`))
    if (before === undefined) return named
    const uri = issuer + named.slice(before.length)
    uris.set(named, uris.get(uri) ?? uri)
    return uris.get(named) as string
  }

  const age = (list: CachedList) => performance.now() - list.validAt
  /** Every event after the list was signed has been told here. */
  const isFollowed = ({ sequence }: CachedList) =>
    feedStart !== undefined && sequence !== undefined && sequence >= feedStart
  const isFresh = (list: CachedList) => (isFeedAlive() && isFollowed(list)) || age(list) <= list.ttlMs

  const statusIn = (list: CachedList, idx: number): Status | undefined =>
    idx < list.bits.size ? list.bits.get(idx) : undefined

  async function load(uri: string): Promise<CachedList> {
    // A cache on the way may hold one that a key signed which was revoked since,
    let list = await fetchList(uri, {}).catch(error => {
      if ((error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY') return fetchList(uri, UNCACHED)
      throw error
    })
    // or one from before the feed began.
    if (isFeedAlive() && feedStart !== undefined && !isFollowed(list)) list = await fetchList(uri, UNCACHED)
    const number = listNumber(uri)
    for (const change of recentChanges) {
      if (change.list === number && change.sequence > (list.sequence ?? 0)) list.bits.set(change.index, change.status)
    }
    const before = cache.get(uri)
    if (before && isOlder(list, before)) throw new Error(`${uri} is older than the list that is held.`)
    if (before && isAsOld(list, before)) list.bits.keepRevoked(before.bits)
    cache.set(uri, list)
    return list
  }

  /** A cache, or somebody, brings again what was replaced. Nodes have clocks of their own, so `iat` alone says nothing. */
  function isOlder(list: CachedList, before: CachedList): boolean {
    // The feed has told all that is missing in it, and that was set.
    if (isFollowed(list)) return false
    if (list.sequence === undefined || before.sequence === undefined) return list.iat < before.iat
    return list.sequence < before.sequence && list.iat <= before.iat
  }

  /** Nothing says which of the two came first; what is revoked remains so. */
  const isAsOld = (list: CachedList, before: CachedList) =>
    list.iat === before.iat && (list.sequence === undefined || before.sequence === undefined)

  async function fetchList(uri: string, headers: Record<string, string>): Promise<CachedList> {
    const { status, text, requestedAt } = await http.get(uri, { accept: 'application/statuslist+jwt', ...headers })
    if (status !== 200) throw new Error(`${uri} answered ${status}`)
    const currentDate = new Date(clock.now())
    const { payload } = await jwtVerify(text, key, {
      issuer,
      subject: uri,
      typ: 'statuslist+jwt',
      currentDate,
    })
    const body = payload.status_list as { bits?: unknown; lst?: unknown }
    if (body?.bits !== 2 || typeof body.lst !== 'string') throw new Error(`${uri} is not a list of two bits`)
    const { iat = Number.NaN } = payload
    if (!clock.signed(iat * 1000)) throw new Error(`${uri} ${FROM_THE_FUTURE}`)
    const sequence = typeof payload.sequence === 'number' ? payload.sequence : undefined
    // It holds for what was so when it was signed, however long it was kept on the way here.
    const signedAgo = Math.max(0, clock.now() - iat * 1000 - 1_000)
    return {
      bits: StatusBits.decode(body.lst),
      sequence,
      iat,
      validAt: requestedAt - signedAgo,
      ttlMs: Number(payload.ttl ?? 15) * 1000,
    }
  }

  async function watched(loading: Promise<CachedList>): Promise<CachedList> {
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

  /** Whoever asks while a list is on its way waits for that one, unless it was asked for longer ago than it may be old. */
  function fetchShared(uri: string): Promise<CachedList> {
    const now = performance.now()
    const pending = fetching.get(uri)
    if (pending && now - pending.at <= (cache.get(uri)?.ttlMs ?? Number.POSITIVE_INFINITY)) return pending.list
    const entry = { list: watched(load(uri)), at: now }
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
        // Who may go on by what is held waits only while the issuer is as quick as ever; the list is fetched beside.
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
      // What the live feed keeps up to date needs no fetching; when the feed is lost, every list ages.
      const stale = [...cache].filter(([, list]) => (isFeedAlive() ? !isFollowed(list) : age(list) > list.ttlMs / 2))
      await Promise.allSettled(stale.map(([uri]) => fetchShared(uri)))
    },
  }
}

const FROM_THE_FUTURE = 'was signed in the future, by the clock of this machine. Check that clock.'
const EXPIRED =
  'The status lists that the issuer sends are out of date, by the clock of this machine. Check that clock, and caches between the two.'

const listNumber = (uri: string) => Number(uri.slice(uri.lastIndexOf('/') + 1))

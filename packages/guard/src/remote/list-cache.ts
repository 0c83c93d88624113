import type { StatusChange } from '../event-stream.ts'
import { STATUS } from '../status-bits.ts'
import type { StatusList } from './list-fetcher.ts'
import type { LostRevocations } from './lost-revocations.ts'
import { applyChange, type RecentChanges } from './recent-changes.ts'

/** A list that no check has used for so many milliseconds is evicted. */
const MAX_IDLE_MS = 3_600_000
/** A list has at most 4 MiB; the lists of a Postern issuer have 256 KiB. */
const MAX_LISTS = 1_000

interface CacheEntry {
  list: StatusList
  /** Whether it was used since the last `evict`. A flag, because reading the clock would slow down every check. */
  used: boolean
  /** Monotonic milliseconds. */
  usedAt: number
}

type ListVersion = Pick<StatusList, 'sequence' | 'iat'>

/** Whether a list has changes that the issuer no longer has. */
const isAhead = (list: ListVersion, sequence: number) => (list.sequence ?? 0) > sequence

/** The status lists in memory, by URI. */
export class ListCache {
  readonly #entries = new Map<string, CacheEntry>()
  /** The versions of evicted lists, so that an older copy of them is still recognized. */
  readonly #evicted = new Map<string, ListVersion>()
  readonly #changes: RecentChanges
  readonly #lost: LostRevocations

  /** @param lost receives what fetched lists lack */
  constructor(changes: RecentChanges, lost: LostRevocations) {
    this.#changes = changes
    this.#lost = lost
  }

  /** Returns a list for a check, which counts as a use. */
  use(uri: string): StatusList | undefined {
    const entry = this.#entries.get(uri)
    if (entry) entry.used = true
    return entry?.list
  }

  /** Returns a list without counting it as a use. */
  peek(uri: string): StatusList | undefined {
    return this.#entries.get(uri)?.list
  }

  /** The URIs of the lists that match. */
  urisOf(matches: (list: StatusList) => boolean): string[] {
    return [...this.#entries].filter(([, { list }]) => matches(list)).map(([uri]) => uri)
  }

  /**
   * Stores a fetched list, updated by the events of the feed.
   * @throws Error when it is older than the cached one: an HTTP cache, or an attacker, has replayed it
   */
  store(uri: string, list: StatusList): void {
    this.#changes.applyTo(uri, list)
    const entry = this.#entries.get(uri)
    const cached = entry?.list
    const known = cached ?? this.#evicted.get(uri)
    if (known && this.#isOlder(list, known)) throw new Error(`${uri} is older than the cached list.`)
    // Also without a restart of the feed: a restored issuer may answer before the feed is connected to it.
    const lacked = cached ? list.bits.keepRevoked(cached.bits) : []
    this.#lost.update(uri, list.bits.size, lacked)
    if (lacked.length > 0 || cached?.keepsRevoked) list.keepsRevoked = true
    // A refresh in the background is not a use.
    this.#entries.set(uri, entry ? { ...entry, list } : { list, used: true, usedAt: performance.now() })
    this.#evicted.delete(uri)
  }

  /**
   * The feed delivers every event after this sequence number. Lists with a higher one are from before the issuer lost changes,
   * by a restored backup or a failover: it uses those numbers again, for other changes.
   */
  restart(sequence: number): void {
    const isFirst = !this.#changes.started
    this.#changes.restart(sequence)
    if (isFirst) return
    for (const { list } of this.#entries.values()) {
      if (!isAhead(list, sequence)) continue
      list.keepsRevoked = true
      list.sequence = undefined
    }
    for (const [uri, version] of this.#evicted) {
      if (isAhead(version, sequence)) this.#evicted.set(uri, { ...version, sequence: undefined })
    }
  }

  /** Whether the token is revoked by a cached list of any age: a revocation is final. */
  remembersRevoked(uri: string, idx: number): boolean {
    const list = this.#entries.get(uri)?.list
    return list !== undefined && idx < list.bits.size && list.bits.get(idx) === STATUS.revoked
  }

  /** Applies an event of the feed. */
  apply(change: StatusChange): void {
    for (const [uri, { list }] of this.#entries) {
      const isNamed = applyChange(uri, list, change)
      if (isNamed && change.status === STATUS.revoked) this.#lost.revoked(uri, change.index)
      if (this.#changes.cover(list)) list.sequence = Math.max(list.sequence ?? 0, change.sequence)
    }
  }

  /** The lists that the feed keeps up to date were so at this monotonic time, which is now or past. @param iat seconds */
  confirmAt(at: number, iat: number): void {
    for (const { list } of this.#entries.values()) {
      if (!this.#changes.cover(list)) continue
      list.validAt = at
      list.iat = Math.max(iat, list.iat)
    }
  }

  /** Evicts lists that were not used for an hour, and the least recently used ones of too many. */
  evict(now = performance.now()): void {
    for (const entry of this.#entries.values()) {
      if (entry.used) entry.usedAt = now
      entry.used = false
    }
    const isIdle = ({ list, usedAt }: CacheEntry) => !list.keepsRevoked && now - usedAt > MAX_IDLE_MS
    const idle = [...this.#entries].filter(([, entry]) => isIdle(entry))
    for (const [uri] of idle) this.#evict(uri)
    if (this.#entries.size <= MAX_LISTS) return
    const byUse = [...this.#entries].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    for (const [uri] of byUse.slice(MAX_LISTS)) this.#evict(uri)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Bytes of the statuses. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { list }) => sum + list.bits.bytes, 0)
  }

  #evict(uri: string): void {
    const { sequence, iat } = (this.#entries.get(uri) as CacheEntry).list
    this.#evicted.set(uri, { sequence, iat })
    this.#entries.delete(uri)
  }

  /** Detects a replayed list. The clocks of the nodes differ, so `iat` alone is not sufficient. */
  #isOlder(list: StatusList, known: ListVersion): boolean {
    // The events that it lacks were applied from the feed.
    if (this.#changes.cover(list)) return false
    if (list.sequence === undefined || known.sequence === undefined) return list.iat < known.iat
    return list.sequence < known.sequence && list.iat <= known.iat
  }
}

import { type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { StatusChange } from '../event-stream.ts'
import { type Status, StatusBits } from '../status-bits.ts'
import type { Clock } from './clock.ts'
import type { Http } from './http.ts'
import type { Monitor } from './monitor.ts'
import { within } from './patience.ts'

/** Where the status of a token stands (draft-ietf-oauth-status-list §6.1). */
export interface Reference {
  uri: string
  idx: number
}

export interface RemoteLists {
  /** From a token's `status` claim to the place that it names; undefined: none that could be looked up. */
  refer(status: unknown): Reference | undefined
  /** The status, if memory holds a list that is fresh: followed by a live feed, or younger than its ttl. */
  peek(reference: Reference): Status | undefined
  /** The status by what is held, however it was had, if that is younger than the ceiling. */
  last(reference: Reference): Status | undefined
  /** Fetches the list if it is not fresh. Undefined: none can be had that is younger than the ceiling. */
  find(reference: Reference): Promise<Status | undefined>
  /** From the feed, in order. */
  apply(change: StatusChange): void
  /** The feed tells everything after this sequence number from now on. */
  follow(sequence: number): void
  /** The feed was alive at this monotonic time: what it follows held then. */
  confirm(at: number): void
  /** Fetches every list that is held and will soon be stale, so that no request waits for it. */
  refresh(): Promise<void>
  /** Bytes that the statuses take. */
  readonly bytes: number
}

export interface RemoteListsOptions {
  issuer: string
  /** It, and what it was called before: tokens from then name their lists so. */
  issuers: () => readonly string[]
  http: Http
  monitor: Monitor
  key: JWTVerifyGetKey
  clock: Clock
  /** Whether the feed has shown a sign of life a moment ago. */
  followed: () => boolean
  /** Milliseconds: the oldest list that is used when no younger one can be had. */
  maxStaleness: number
}

interface Held {
  bits: StatusBits
  /** The last event that is in it; undefined: the issuer does not say. */
  sequence: number | undefined
  /** When it was signed, or last known to hold by the feed; seconds since the epoch. */
  iat: number
  /** Monotonic; when what it says was known to hold. */
  heldAt: number
  /** Milliseconds. */
  ttl: number
}

/** Milliseconds that a request waits for a fresh list while it may go on by the one that is held. */
const SHORT_WAIT_MS = 500
const UNCACHED = { 'cache-control': 'no-cache' }
/** Events kept to bring a list up to date that was signed before them. */
const MOST_RECENT = 10_000

export function createRemoteLists(options: RemoteListsOptions): RemoteLists {
  const { issuer, issuers, http, monitor, key, clock, followed, maxStaleness } = options
  const held = new Map<string, Held>()
  const fetching = new Map<string, { list: Promise<Held>; at: number }>()
  /** Thousands of tokens name the same list: as one text in memory it is found without being read. */
  const uris = new Map<string, string>()
  let recent: StatusChange[] = []
  /** The feed has told everything after it; undefined: it was never followed. */
  let since: number | undefined

  /** The URI by which the list is to be had now. */
  function share(named: string): string {
    const before = issuers().find(each => named.startsWith(`${each}/`))
    if (before === undefined) return named
    const uri = issuer + named.slice(before.length)
    uris.set(named, uris.get(uri) ?? uri)
    return uris.get(named) as string
  }

  const age = (list: Held) => performance.now() - list.heldAt
  /** Every event after the list was signed has been told here. */
  const joined = ({ sequence }: Held) => since !== undefined && sequence !== undefined && sequence >= since
  const fresh = (list: Held) => (followed() && joined(list)) || age(list) <= list.ttl

  const statusIn = (list: Held, idx: number): Status | undefined =>
    idx < list.bits.size ? list.bits.get(idx) : undefined

  async function load(uri: string): Promise<Held> {
    // A cache on the way may hold one that a key signed which was revoked since,
    let list = await fetchList(uri, {}).catch(error => {
      if ((error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY') return fetchList(uri, UNCACHED)
      throw error
    })
    // or one from before the feed began.
    if (followed() && since !== undefined && !joined(list)) list = await fetchList(uri, UNCACHED)
    const number = listNumber(uri)
    for (const change of recent) {
      if (change.list === number && change.sequence > (list.sequence ?? 0)) list.bits.set(change.index, change.status)
    }
    const before = held.get(uri)
    if (before && isOlder(list, before)) throw new Error(`${uri} is older than the list that is held.`)
    if (before && isAsOld(list, before)) list.bits.keepRevoked(before.bits)
    held.set(uri, list)
    return list
  }

  /** A cache, or somebody, brings again what was replaced. Nodes have clocks of their own, so `iat` alone says nothing. */
  function isOlder(list: Held, before: Held): boolean {
    // The feed has told all that is missing in it, and that was set.
    if (joined(list)) return false
    if (list.sequence === undefined || before.sequence === undefined) return list.iat < before.iat
    return list.sequence < before.sequence && list.iat <= before.iat
  }

  /** Nothing says which of the two came first; what is revoked remains so. */
  const isAsOld = (list: Held, before: Held) =>
    list.iat === before.iat && (list.sequence === undefined || before.sequence === undefined)

  async function fetchList(uri: string, headers: Record<string, string>): Promise<Held> {
    const { status, text, askedAt } = await http.get(uri, { accept: 'application/statuslist+jwt', ...headers })
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
      heldAt: askedAt - signedAgo,
      ttl: Number(payload.ttl ?? 15) * 1000,
    }
  }

  async function watched(loading: Promise<Held>): Promise<Held> {
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
  function get(uri: string): Promise<Held> {
    const now = performance.now()
    const pending = fetching.get(uri)
    if (pending && now - pending.at <= (held.get(uri)?.ttl ?? Number.POSITIVE_INFINITY)) return pending.list
    const begun = { list: watched(load(uri)), at: now }
    fetching.set(uri, begun)
    const forget = () => void (fetching.get(uri) === begun && fetching.delete(uri))
    begun.list.then(forget, forget)
    return begun.list
  }

  return {
    refer(status) {
      const { uri, idx } = (status as { status_list?: Partial<Reference> } | undefined)?.status_list ?? {}
      if (typeof uri !== 'string' || !Number.isInteger(idx) || Number(idx) < 0) return undefined
      return { uri: uris.get(uri) ?? share(uri), idx: Number(idx) }
    },
    get bytes() {
      return [...held.values()].reduce((sum, list) => sum + list.bits.bytes, 0)
    },
    peek({ uri, idx }) {
      const list = held.get(uri)
      return list && fresh(list) ? statusIn(list, idx) : undefined
    },
    last({ uri, idx }) {
      const list = held.get(uri)
      return list && age(list) <= maxStaleness ? statusIn(list, idx) : undefined
    },
    async find({ uri, idx }) {
      if (!uri.startsWith(`${issuer}/`)) return undefined
      const list = held.get(uri)
      if (list && fresh(list)) return statusIn(list, idx)
      const usable = list !== undefined && age(list) <= maxStaleness
      try {
        const loading = get(uri)
        // Who may go on by what is held waits only while the issuer is as quick as ever; the list is fetched beside.
        const fetched = usable ? await within(loading, http.slow ? 0 : SHORT_WAIT_MS) : await loading
        return statusIn(fetched ?? (list as Held), idx)
      } catch {
        return usable ? statusIn(list, idx) : undefined
      }
    },
    apply(change) {
      recent.push(change)
      for (const [uri, list] of held) {
        if (listNumber(uri) === change.list && change.sequence > (list.sequence ?? 0)) {
          list.bits.set(change.index, change.status)
        }
        if (joined(list)) list.sequence = Math.max(list.sequence ?? 0, change.sequence)
      }
      if (recent.length <= MOST_RECENT * 2) return
      since = recent.at(-MOST_RECENT - 1)?.sequence
      recent = recent.slice(-MOST_RECENT)
    },
    confirm(at) {
      const iat = Math.floor(clock.now() / 1000)
      for (const list of held.values())
        if (joined(list)) Object.assign(list, { heldAt: at, iat: Math.max(iat, list.iat) })
    },
    follow(sequence) {
      since = sequence
      recent = []
    },
    async refresh() {
      // What the live feed keeps up to date needs no fetching; when the feed is lost, every list ages.
      const soon = [...held].filter(([, list]) => (followed() ? !joined(list) : age(list) > list.ttl / 2))
      await Promise.allSettled(soon.map(([uri]) => get(uri)))
    },
  }
}

const FROM_THE_FUTURE = 'was signed in the future, by the clock of this machine. Check that clock.'
const EXPIRED =
  'The status lists that the issuer sends are out of date, by the clock of this machine. Check that clock, and caches between the two.'

const listNumber = (uri: string) => Number(uri.slice(uri.lastIndexOf('/') + 1))

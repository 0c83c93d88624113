import { LRUCache } from 'lru-cache'
import type { Authenticate } from '../checks.ts'
import { invalidToken } from '../errors.ts'
import { STATUS } from '../status-bits.ts'
import { Token } from '../token.ts'
import { createVerifier, type Verified } from '../verifier.ts'
import { createClock } from './clock.ts'
import { type FeedReader, readFeed } from './feed.ts'
import { type Credentials, createHttp } from './http.ts'
import { createIntrospect, type Introspected, userOf } from './introspection.ts'
import { createIssuer } from './issuer.ts'
import { createRemoteLists, type Reference } from './lists.ts'

export interface RemoteOptions {
  /** As it stands in the metadata, letter by letter. */
  issuer: string
  /** The URI that tokens for this resource server are meant for. */
  audience: string
  /** With a client of its own the guard follows the feed and may introspect. */
  clientId?: string
  clientSecret?: string
  /** Seconds that a token is accepted on what was last known of it while the issuer cannot be reached. Default 60. */
  maxStaleness?: number
  /** The catalogue of the issuer lets `a` grant `a:b`. */
  inherit?: boolean
  /** Tokens held in memory. */
  remember?: number
}

export interface Remote {
  authenticate: Authenticate
  /** Settles when the keys are here, and the feed if it is followed; the guard works before, asking as it goes. */
  ready(): Promise<void>
  /** The last change it has heard of; undefined without a feed. */
  readonly position: number | undefined
  /** Bytes that the statuses take in memory. */
  readonly bytes: number
  close(): Promise<void>
}

/** Milliseconds without a sign of life after which the feed is not relied on. It shows one every quarter of a second. */
const FEED_SILENCE_MS = 1_000
const UPKEEP_MS = 1_000
/** A retired key goes from memory after this long. */
const KEYS_MS = 300_000

/**
 * Checks tokens far from their issuer: signature by its published keys, status by its lists and feed, from memory.
 * What memory cannot say is asked: an opaque text, a token that was changed, a status that is too old.
 */
export function createRemote(options: RemoteOptions): Remote {
  const { issuer: url, audience, maxStaleness = 60, inherit = false, remember = 100_000 } = options
  const credentials = credentialsOf(options)
  const clock = createClock()
  const http = createHttp(clock)
  const issuer = createIssuer(url, http, () => verifier.forget())
  const verifier = createVerifier({ key: issuer.key, issuer: url, audience, remember, now: clock.now })
  const asked = new LRUCache<string, Introspected>({ max: remember })
  /** Which text was asked about for a place in the lists. */
  const texts = new LRUCache<string, string>({ max: remember * 2 })
  const tokens = new WeakMap<Verified, Token>()
  let feed: FeedReader | undefined
  let aliveAt = Number.NEGATIVE_INFINITY

  const followed = () => performance.now() - aliveAt <= FEED_SILENCE_MS
  const lists = createRemoteLists({
    issuer: url,
    http,
    key: issuer.key,
    clock,
    followed,
    maxStaleness: maxStaleness * 1000,
  })
  const introspect = createIntrospect({
    endpoint: async () => (await issuer.metadata()).introspection_endpoint,
    http,
    credentials,
    issuer: url,
    audience,
    inherit,
  })

  if (credentials) {
    feed = readFeed({
      url: async () => (await issuer.metadata()).status_events_endpoint,
      credentials,
      listener: {
        began(sequence) {
          lists.follow(sequence)
          asked.clear()
        },
        changed(change) {
          lists.apply(change)
          const text = texts.get(`${change.list} ${change.index}`)
          if (text !== undefined) asked.delete(text)
        },
        alive() {
          aliveAt = performance.now()
          lists.confirm(aliveAt)
        },
      },
    })
  }

  let keysAt = performance.now()
  const upkeep = setInterval(() => {
    void lists.refresh()
    if (performance.now() - keysAt < KEYS_MS) return
    keysAt = performance.now()
    issuer.refresh().catch(() => {})
  }, UPKEEP_MS).unref()

  function letIn(token: Token): Token {
    if (token.expiresAt.getTime() > clock.now()) return token
    throw invalidToken('The access token has expired.')
  }

  function tokenOf(verified: Verified): Token {
    const made = tokens.get(verified)
    if (made) return made
    const { id, subject, clientId, scopes, expiresAt } = verified
    const user = { userId: userOf(subject, clientId), clientId }
    const token = new Token({ id, ...user, scopes, expiresAt: new Date(expiresAt), inherit })
    tokens.set(verified, token)
    return token
  }

  /** What was asked before, while its status is known to be the one it was asked under. */
  function recallAsked(text: string): Token | undefined {
    const answer = asked.get(text)
    if (!answer?.reference || !followed()) return undefined
    const status = lists.peek(answer.reference)
    if (status === STATUS.valid || status === STATUS.changed) return letIn(answer.token)
    return undefined
  }

  async function ask(text: string): Promise<Token> {
    const position = feed?.position
    const answer = await introspect(text)
    // A change that came meanwhile may be one of this token.
    if (answer.reference && followed() && feed?.position === position) {
      await lists.find(answer.reference)
      asked.set(text, answer)
      texts.set(placeOf(answer.reference), text)
    }
    return letIn(answer.token)
  }

  function judge(text: string, verified: Verified, status: number | undefined): Token | Promise<Token> {
    if (status === STATUS.valid) return letIn(tokenOf(verified))
    if (status === STATUS.revoked) throw invalidToken('The access token has been revoked.')
    if (status === STATUS.suspended) throw invalidToken('The access token is suspended.')
    // Changed, or nobody can say: the issuer can.
    return recallAsked(text) ?? ask(text)
  }

  function check(text: string, verified: Verified): Token | Promise<Token> {
    const reference = referenceOf(verified)
    if (!reference) return ask(text)
    const status = lists.peek(reference)
    if (status !== undefined) return judge(text, verified, status)
    return lists.find(reference).then(found => judge(text, verified, found))
  }

  return {
    authenticate(text) {
      const verified = verifier.recall(text)
      if (verified) return check(text, verified)
      const known = recallAsked(text)
      if (known) return known
      if (text.split('.').length === 3) return verifier.verify(text).then(v => check(text, v))
      if (!credentials) throw invalidToken('The access token is malformed.')
      return ask(text)
    },
    async ready() {
      await issuer.refresh()
      await feed?.started
    },
    get position() {
      return feed?.position
    },
    get bytes() {
      return lists.bytes
    },
    async close() {
      clearInterval(upkeep)
      await feed?.close()
    },
  }
}

function credentialsOf({ clientId, clientSecret }: RemoteOptions): Credentials | undefined {
  if (clientId === undefined && clientSecret === undefined) return undefined
  if (clientId && clientSecret) return { clientId, clientSecret }
  throw new TypeError('The guard needs clientId and clientSecret, or neither.')
}

function referenceOf({ payload }: Verified): Reference | undefined {
  const reference = (payload.status as { status_list?: Partial<Reference> } | undefined)?.status_list
  if (typeof reference?.uri !== 'string' || !Number.isInteger(reference.idx) || Number(reference.idx) < 0)
    return undefined
  return reference as Reference
}

/** As the feed names it. */
const placeOf = ({ uri, idx }: Reference) => `${uri.slice(uri.lastIndexOf('/') + 1)} ${idx}`

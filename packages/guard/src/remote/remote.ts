import { createEnds } from '../ends.ts'
import { invalidToken, issuerAway } from '../errors.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import type { Authenticate } from '../needs.ts'
import { plainHttpWarning } from '../plain-http.ts'
import { PosternError } from '../postern-error.ts'
import { STATUS } from '../status-bits.ts'
import type { OnUse, Token } from '../token.ts'
import { createVerifier } from '../verifier.ts'
import { createAudienceRule } from './accepts.ts'
import { type Answer, createAnswers } from './answers.ts'
import { createClock } from './clock.ts'
import { type FeedReader, readFeed } from './feed.ts'
import { type Credentials, createHttp } from './http.ts'
import { createIntrospect } from './introspection.ts'
import { createIssuer } from './issuer.ts'
import { createKeep, type Known } from './known.ts'
import { createRemoteLists } from './lists.ts'
import { createMonitor, type GuardHealth } from './monitor.ts'
import { createOpaqueTexts } from './opaque.ts'
import { checkRemoteOptions } from './options.ts'
import { within } from './patience.ts'
import { isRefusal } from './refusal.ts'
import { createReport } from './report.ts'

export interface RemoteOptions {
  /** As it stands in the metadata; a slash at its end makes no difference. */
  issuer: string
  /**
   * The URI of this resource server, or several. Tokens for the whole deployment are accepted too. Omitted: only these,
   * by the `deployment_audience` of the issuer's metadata.
   */
  audience?: string | readonly string[]
  /** With a client of its own the guard follows the feed and may introspect. */
  clientId?: string | undefined
  clientSecret?: string | undefined
  /** Seconds that a token is accepted on what was last known of it while the issuer cannot be reached. Default 60. */
  maxStaleness?: number
  /** The catalogue of the issuer lets `a` grant `a:b`. */
  inherit?: boolean
  /** Tokens held in memory. */
  remember?: number
  /** Tells the issuer, every ten seconds, when tokens were last used here and which scopes were asked for. Default false. */
  reportUsage?: boolean
}

export interface Remote {
  authenticate: Authenticate
  /**
   * Settles when the keys are here, and the feed if it is followed; the guard works before, asking as it goes.
   * @throws a refusal that waiting will not mend, with what to do; 503 when the issuer cannot be reached now
   */
  ready(): Promise<void>
  /** How it is with the issuer now; makes no request. */
  health(): GuardHealth
  /** The last change it has heard of; undefined without a feed. */
  readonly position: number | undefined
  /** Bytes that the statuses take in memory. */
  readonly bytes: number
  close(): Promise<void>
}

/** Milliseconds without a sign of life after which the feed is not relied on. It shows one every quarter of a second. */
const FEED_SILENCE_MS = 1_000
const UPKEEP_MS = 1_000
/** A retired key goes from memory after this long, and a new one is there before it signs. */
const KEYS_MS = 300_000
/** What the metadata says otherwise is known here after this long at most. */
const METADATA_MS = 60_000
/** Milliseconds that a check waits for the issuer at most; and once that is known to be slow. */
const LONGEST_WAIT_MS = 5_000
const SLOW_WAIT_MS = 1_000
/** The same where the check may go on by what was last known. */
const SHORT_WAIT_MS = 500

const toConsole = (error: Error) => console.error(error.message)

/**
 * Checks tokens far from their issuer: signature by its published keys, status by its lists and feed, from memory.
 * What memory cannot say is asked: an opaque text, a token that was changed, a status that is too old.
 * @param onRefused called once when the issuer refuses the guard in a way that waiting will not mend; default: the console
 * @throws TypeError that names an option that is missing, or given and empty
 */
export function createRemote(options: RemoteOptions, onRefused: (error: Error) => void = toConsole): Remote {
  checkRemoteOptions('guard', options)
  const { maxStaleness = 60, inherit = false, remember = 100_000 } = options
  const url = normalizeIssuer(options.issuer) as string
  const insecure = plainHttpWarning(url)
  if (insecure) process.emitWarning(insecure, 'PosternWarning')
  const credentials = credentialsOf(options)
  const clock = createClock()
  const http = createHttp()
  const monitor = createMonitor(onRefused)
  const rule = createAudienceRule(options.audience, () => issuer, monitor)
  const { accepts } = rule
  const issuer = createIssuer({
    url,
    http,
    monitor,
    onChange() {
      verifier.forget()
      answers.clear()
    },
    onMetadata: rule.check,
  })
  const { key } = issuer.keys
  const issuers = () => [url, ...(issuer.held?.previous_issuers ?? [])]
  const answers = createAnswers(remember)
  const report = options.reportUsage
    ? createReport({
        url: async () => (await issuer.metadata()).token_usage_endpoint,
        http,
        credentials: credentials ?? needed('reportUsage'),
        monitor,
      })
    : undefined
  const onUse: OnUse | undefined = report && ((id, scopes) => report.note(id, clock.now(), scopes))
  let feed: FeedReader | undefined
  let aliveAt = Number.NEGATIVE_INFINITY
  /** Other issuers have no feed. */
  let feedDue = true

  const followed = () => performance.now() - aliveAt <= FEED_SILENCE_MS
  const lists = createRemoteLists({
    issuer: url,
    issuers,
    http,
    monitor,
    key,
    clock,
    followed,
    maxStaleness: maxStaleness * 1000,
  })
  const { refer } = lists
  const keep = createKeep({ inherit, refer, onUse })
  const verifier = createVerifier({ key, issuer: issuers, audience: accepts, keep, remember, now: clock.now })
  const introspect = createIntrospect({
    endpoint: async () => (await issuer.metadata()).introspection_endpoint,
    http,
    credentials,
    monitor,
    issuer: url,
    accepts,
    inherit,
    refer,
    onUse,
  })

  if (credentials) {
    feed = readFeed({
      url: async () => {
        const { status_events_endpoint: endpoint } = await issuer.metadata()
        feedDue = endpoint !== undefined
        return endpoint
      },
      credentials,
      listener: {
        began(sequence) {
          lists.follow(sequence)
          answers.clear()
          opaque.clear()
        },
        // Another node, or one that was started again, perhaps with other settings.
        connected: () => issuer.refresh(),
        changed(change) {
          lists.apply(change)
          answers.changed(change.list, change.index)
          opaque.clear()
        },
        keysRevoked: issuer.keys.revoke,
        alive() {
          aliveAt = performance.now()
          lists.confirm(aliveAt)
          monitor.ok('feed')
        },
        failed: error => monitor.failed('feed', error),
      },
    })
  }

  let keysAt = performance.now()
  const upkeep = setInterval(() => {
    void lists.refresh()
    issuer.refresh(METADATA_MS)
    if (issuer.keys.held && performance.now() - keysAt < KEYS_MS) return
    keysAt = performance.now()
    issuer.keys.refresh().catch(() => {})
  }, UPKEEP_MS).unref()

  function letIn({ token, expires }: { token: Token; expires: number }): Token {
    if (expires > clock.now() / 1_000) return token
    throw invalidToken('The access token has expired.')
  }

  /** What was asked before, while its status is known to be the one it was asked under. */
  function recallAsked(text: string): Token | undefined {
    const answer = answers.recall(text)
    if (!answer || !followed()) return undefined
    const status = lists.peek(answer.reference)
    if (status === STATUS.valid || status === STATUS.changed) return letIn(answer)
    return undefined
  }

  /** What was asked before, on what is still known of its status: it may go on by that while nobody can be asked. */
  function lastKnown(text: string): Answer | undefined {
    const answer = answers.recall(text)
    const status = answer && lists.last(answer.reference)
    return status === STATUS.valid || status === STATUS.changed ? answer : undefined
  }

  async function remembered(text: string, answer: Answer, position: number | undefined): Promise<void> {
    if (!followed()) return
    await lists.find(answer.reference)
    // A change that came since it was asked may be one of this token.
    if (followed() && feed?.position === position) answers.keep(text, answer)
  }

  async function ask(text: string): Promise<Token> {
    const last = lastKnown(text)
    if (!last) return askIssuer(text)
    try {
      return (await within(askIssuer(text), http.slow ? 0 : SHORT_WAIT_MS)) ?? letIn(last)
    } catch (error) {
      if (error instanceof PosternError && error.status === 503) return letIn(last)
      throw error
    }
  }

  async function askIssuer(text: string): Promise<Token> {
    const position = feed?.position
    const { reference, ...answer } = await introspect(text)
    if (reference) await remembered(text, { ...answer, reference }, position)
    return letIn(answer)
  }

  const opaque = createOpaqueTexts({
    issuer,
    canAsk: credentials !== undefined,
    ask,
    onMissingClient: onRefused,
  })

  function judge(signed: Known, status: number | undefined): Token | Promise<Token> {
    if (status === STATUS.valid) return letIn(signed)
    if (status === STATUS.revoked) throw invalidToken('The access token has been revoked.')
    if (status === STATUS.suspended) throw invalidToken('The access token is suspended.')
    // Changed, or nobody can say: the issuer can.
    return recallAsked(signed.text) ?? ask(signed.text)
  }

  function check(signed: Known): Token | Promise<Token> {
    const { text, reference } = signed
    if (!reference) return ask(text)
    const status = lists.peek(reference)
    if (status !== undefined) return judge(signed, status)
    return lists.find(reference).then(found => judge(signed, found))
  }

  function identify(text: string): Token | Promise<Token> {
    const signed = verifier.recall(text)
    if (signed) return check(signed)
    const known = recallAsked(text)
    if (known) return known
    if (text.split('.').length === 3) return verifier.verify(text).then(check)
    return opaque.check(text)
  }

  /** However many steps a check takes, whoever sent the request has an answer in time. */
  async function inTime(checking: Promise<Token>): Promise<Token> {
    const token = await within(checking, http.slow ? SLOW_WAIT_MS : LONGEST_WAIT_MS)
    if (token) return token
    throw issuerAway(new Error('the issuer did not answer in time'))
  }

  const ends = createEnds(text => {
    const found = identify(text)
    return found instanceof Promise ? inTime(found) : found
  }, maxStaleness * 1_000)

  function health(): GuardHealth {
    const { problems, refusal } = monitor
    const live = followed()
    const begun = issuer.keys.held && (!feed || live || feed.position !== undefined || !feedDue)
    const lost = feed !== undefined && feedDue && !live
    const status = refusal ? 'failed' : !begun ? 'starting' : lost || problems.length > 0 ? 'degraded' : 'ok'
    return { status, keys: issuer.keys.held, feed: feed ? (live ? 'live' : 'lost') : null, problems }
  }

  return {
    authenticate: ends.authenticate,
    async ready() {
      await issuer.keys.refresh().catch(error => {
        throw isRefusal(error) ? error : issuerAway(error)
      })
      if (rule.refusal) throw rule.refusal
      await feed?.started()
    },
    health,
    get position() {
      return feed?.position
    },
    get bytes() {
      return lists.bytes
    },
    async close() {
      clearInterval(upkeep)
      ends.close()
      await Promise.all([feed?.close(), report?.close()])
    },
  }
}

function credentialsOf({ clientId, clientSecret }: RemoteOptions): Credentials | undefined {
  return clientId && clientSecret ? { clientId, clientSecret } : undefined
}

function needed(option: string): never {
  throw new TypeError(`${option} needs clientId and clientSecret.`)
}

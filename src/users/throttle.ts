import { tooManyEmailChanges, tooManyRequests } from '../errors/errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import { createAttempts } from './attempts.ts'
import { normalizeEmail } from './emails.ts'
import { connectRedis, consumeFrom, createAddressLimit, createLimiter, withLimits } from './limits.ts'
import { createSignInLimits, keyOf, type SignInLimits } from './sign-in-limits.ts'

/** Allowed wrong codes per window, per address and in total. The total limits guessing from many addresses. */
const CODES_PER_ADDRESS = 20
const CODES_IN_TOTAL = 1_000
/** Allowed requests of public clients per address: enough for a company behind one address, too few to fill a disk. */
const UNAUTHENTICATED_PER_ADDRESS = 300
/** Mails with links per window, to one e-mail address and from one network. */
const MAILS_PER_RECIPIENT = 3
const MAILS_PER_NETWORK = 20
/** Clients that one address may register without a token. */
const REGISTRATIONS_PER_ADDRESS = 20
/** Metadata documents that one address may name in a minute. */
const NEW_DOCUMENTS_PER_MINUTE = 10
/** More than the provisioning services of directories send. */
const DIRECTORY_REQUESTS_PER_MINUTE = 6_000

/** Where no mail confirms an address: the response shows whether it is taken. */
const EMAIL_CHANGES_PER_DAY = 5

/**
 * Limits failed password attempts on every route, wrong user codes, and unauthenticated requests that store something. The
 * reasons are in docs/adr/0050-sign-in-limits.md.
 */
export interface Throttle extends SignInLimits {
  /** As `limitSignIn`, for a user code: `lookUp` returns undefined for a wrong one. Above the limits, attempts are rejected. */
  limitUserCode<T>(peer: Peer, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
  /**
   * Limits requests that store a row until a user acts on it. Only public clients are counted: anyone can use their id,
   * whereas a client that authenticates can be revoked.
   * @returns what is left of the limit; undefined: the request was not counted
   * @param isUnknown the client is one that anybody can make up, so it is counted although it authenticates
   * @throws 429 with `Retry-After`
   */
  limitUnauthenticated(
    client: { isConfidential(): boolean },
    peer: Peer,
    isUnknown?: boolean,
  ): Promise<RateLimit | undefined>
  /** The same for a request without a client, which anyone can make. @throws 429 with `Retry-After` */
  limitAnonymous(peer: Peer): Promise<RateLimit>
  /**
   * Limits mails that somebody can have sent to an address that is not known to be theirs: links to reset a password or to
   * confirm an address. They are counted by network, and by e-mail address and kind, so
   * that nobody can use up the links of another user.
   * @returns false if this e-mail address has got enough: nothing is sent, and nobody is told
   * @throws 429 with `Retry-After`
   */
  limitMails(kind: 'reset' | 'confirmation', peer: Peer, email: string): Promise<boolean>
  /**
   * Limits how many metadata documents that nobody has consented to one address makes the server fetch.
   * @throws 429 with `Retry-After`
   */
  limitNewDocuments(peer: Peer): Promise<RateLimit>
  /**
   * Limits how often a user changes the e-mail address where no mail confirms it: the response shows whether it is taken.
   * @throws 429 with `Retry-After`
   */
  limitEmailChange(userId: string): Promise<void>
  /** Limits registrations of clients without a token, for each address. @throws 429 with `Retry-After` */
  limitRegistrations(peer: Peer): Promise<RateLimit>
  /** Limits requests of the directory that manages users. @throws 429 with `Retry-After` */
  limitDirectory(): Promise<void>
  close(): Promise<void>
}

/** @param redisUrl shares the limits among nodes; without it each node has its own limits */
export function createThrottle(redisUrl: string | undefined): Throttle {
  const redis = connectRedis(redisUrl)
  const codeAddresses = createAddressLimit(redis, 'code:address', CODES_PER_ADDRESS)
  const codesInTotal = createAttempts(createLimiter(redis, 'code', CODES_IN_TOTAL))
  const unauthenticated = createAddressLimit(redis, 'begin:address', UNAUTHENTICATED_PER_ADDRESS)

  const emailChanges = createLimiter(redis, 'email', EMAIL_CHANGES_PER_DAY, 86_400)
  const recipients = createLimiter(redis, 'mail', MAILS_PER_RECIPIENT)
  const mailNetworks = createAddressLimit(redis, 'mail:address', MAILS_PER_NETWORK)
  const registrations = createAddressLimit(redis, 'register:address', REGISTRATIONS_PER_ADDRESS)
  const directory = createLimiter(redis, 'directory', DIRECTORY_REQUESTS_PER_MINUTE, 60)
  const documents = createAddressLimit(redis, 'document:address', NEW_DOCUMENTS_PER_MINUTE, 60)

  return {
    ...createSignInLimits(redis),
    async limitUserCode(peer, lookUp) {
      return withLimits([await codeAddresses.limitFor(peer), { attempts: codesInTotal, key: 'everywhere' }], lookUp)
    },
    async limitUnauthenticated(client, peer, isUnknown = false) {
      return !client.isConfidential() || isUnknown ? unauthenticated.consume(peer) : undefined
    },
    limitAnonymous: peer => unauthenticated.consume(peer),
    async limitMails(kind, peer, email) {
      await mailNetworks.consume(peer)
      return recipients.consume(keyOf(kind, normalizeEmail(email))).then(
        () => true,
        () => false,
      )
    },
    limitNewDocuments: peer => documents.consume(peer),
    async limitEmailChange(userId) {
      await consumeFrom(emailChanges, userId, tooManyEmailChanges)
    },
    async limitDirectory() {
      await consumeFrom(directory, 'everywhere', tooManyRequests)
    },
    limitRegistrations: peer => registrations.consume(peer),
    close: async () => redis?.disconnect(),
  }
}

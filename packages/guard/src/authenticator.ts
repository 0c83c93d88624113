import { checkOptions, isFunction } from './options.ts'
import { isIssuerRefusal } from './remote/issuer-refusal.ts'
import type { GuardHealth } from './remote/monitor.ts'
import { createRemote, type RemoteOptions } from './remote/remote.ts'
import type { Authenticate } from './requirements.ts'
import { createTokenWatcher } from './token-watcher.ts'

/**
 * The options of a guard: `authenticate` of a server in the same process (`postern.guard`) or of your own, or how to reach a
 * remote issuer.
 */
export type GuardOptions = { authenticate: Authenticate; catalogue?: KnownScopes } | RemoteOptions

/** The scopes that exist. With it, a route that requires another scope stops the start. */
export interface KnownScopes {
  has(id: string): boolean
  readonly scopes: readonly { id: string }[]
}

/** The state of a guard. */
export interface GuardState {
  /**
   * Resolves when the guard can check tokens from memory.
   * @throws PosternError `issuer_refused` when the issuer permanently refuses the guard, with what to do; 503 while the issuer
   *   cannot be reached
   */
  ready(): Promise<void>
  /** The connection to the issuer, for health checks and metrics. Makes no request. */
  health(): GuardHealth
}

export interface Authenticator extends GuardState {
  authenticate: Authenticate
  close(): Promise<void>
}

export interface GuardLog {
  /** Called when the issuer cannot be reached at the start. */
  issuerUnavailable(error: unknown): void
  /** Called when the issuer refuses the guard permanently. */
  issuerRefused(error: Error): void
}

/** Milliseconds that a stream stays open while `authenticate` fails without rejecting the token. */
const GRACE_MS = 60_000

/**
 * Starts to load the issuer's keys and does not wait for them, so the issuer may be down at the start.
 * @throws TypeError that names an option that is missing or empty
 */
export function createAuthenticator(options: GuardOptions, log: GuardLog): Authenticator {
  if ('authenticate' in options) return local(options)
  const { authenticate, ready, health, close } = createRemote(options, log.issuerRefused)
  ready().catch(error => isIssuerRefusal(error) || log.issuerUnavailable(error))
  return { authenticate, ready, health, close }
}

function local(options: { authenticate: Authenticate }): Authenticator {
  checkOptions('guard', options, { authenticate: isFunction })
  const tokenWatcher = createTokenWatcher(options.authenticate, GRACE_MS)
  return {
    authenticate: tokenWatcher.authenticate,
    ready: async () => {},
    health: () => ({ status: 'ok', keys: true, feed: null, stale: false, problems: [] }),
    close: async () => tokenWatcher.close(),
  }
}

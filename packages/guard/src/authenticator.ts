import { checkOptions, isFunction } from './options.ts'
import { isIssuerRefusal } from './remote/issuer-refusal.ts'
import type { GuardHealth } from './remote/monitor.ts'
import { createRemote, type RemoteOptions } from './remote/remote.ts'
import type { Authenticate } from './requirements.ts'
import { createTokenWatcher } from './token-watcher.ts'

/** How a token's text becomes a token: as a server in this process does it (`postern.guard`), or far from the issuer. */
export type GuardOptions = { authenticate: Authenticate; catalogue?: KnownScopes } | RemoteOptions

/** The scopes there are, where that is known: a route that asks for another stops the start. */
export interface KnownScopes {
  has(id: string): boolean
  readonly scopes: readonly { id: string }[]
}

/** What a guard says of itself. */
export interface GuardState {
  /**
   * Settles when the guard checks tokens from memory.
   * @throws a refusal by the issuer that waiting will not mend, with what to do; 503 when it cannot be reached now
   */
  ready(): Promise<void>
  /** How it is with the issuer, for a health check and for metrics; makes no request. */
  health(): GuardHealth
}

export interface Authenticator extends GuardState {
  authenticate: Authenticate
  close(): Promise<void>
}

export interface GuardLog {
  /** The issuer could not be reached at the start. */
  issuerUnavailable(error: unknown): void
  /** The issuer refuses the guard, and waiting will not mend it. */
  issuerRefused(error: Error): void
}

/** Milliseconds that a stream goes on while `authenticate` fails with something else than a refusal of the token. */
const GRACE_MS = 60_000

/**
 * The issuer may be down at the start: it is asked for its keys at once, and nothing waits for them.
 * @throws TypeError that names an option that is missing, or given and empty
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
    health: () => ({ status: 'ok', keys: true, feed: null, problems: [] }),
    close: async () => tokenWatcher.close(),
  }
}

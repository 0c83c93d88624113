import type { Authenticate } from './needs.ts'
import { checkOptions, isFunction } from './options.ts'
import { createRemote, type RemoteOptions } from './remote/remote.ts'

/** How a token's text becomes a token: as a server in this process does it (`postern.guard`), or far from the issuer. */
export type GuardOptions = { authenticate: Authenticate } | RemoteOptions

export interface Authenticator {
  authenticate: Authenticate
  close(): Promise<void>
}

/**
 * The issuer may be down at the start: it is asked for its keys at once, and nothing waits for them.
 * @param onAway told when it could not be reached then
 */
export function createAuthenticator(options: GuardOptions, onAway: (error: unknown) => void): Authenticator {
  if ('authenticate' in options) {
    checkOptions('guard', options, { authenticate: isFunction })
    return { authenticate: options.authenticate, close: async () => {} }
  }
  const { authenticate, ready, close } = createRemote(options)
  ready().catch(onAway)
  return { authenticate, close }
}

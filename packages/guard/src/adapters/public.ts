import type { GuardOptions, GuardState } from '../authenticator.ts'
import type { ScopeName } from '../token.ts'

export { invalidToken } from '../errors.ts'
export type { GuardHealth } from '../remote/monitor.ts'
export type { RemoteOptions } from '../remote/remote.ts'
export type { Authenticate } from '../requirements.ts'
export { describeResource, type ProtectedResourceOptions } from '../resource.ts'
export { type Catalogue, type OnEnd, type ScopeName, Token, type TokenInit } from '../token.ts'
export type { GuardOptions, GuardState }

/** Those of the guard, and what no plugin of the framework brings along. */
export type AdapterOptions = GuardOptions & {
  /** What tokens for this server are meant for, a URL: a 401 then names its metadata (RFC 9728), `describeResource`. */
  resource?: string
  /** Told of what is no fault of the caller's: the issuer is away, `authenticate` failed. Default: `console.error`. */
  onError?: (error: unknown) => void
}

/** A guard's checks and its end, in the words of one framework. */
export interface Checks<Check> extends GuardState {
  /** Lets a request through if its token has all of the scopes. @throws TypeError without any scope */
  checkScopes(...all: [ScopeName, ...ScopeName[]]): Check
  /** Lets a request through if its token has at least one of the scopes. @throws TypeError without any scope */
  checkAnyScope(...any: [ScopeName, ...ScopeName[]]): Check
  /** Lets a request through if it has a valid token, whatever the scopes of it. */
  requireToken(): Check
  /** Ends what follows the issuer; call it when the server closes. */
  close(): Promise<void>
}

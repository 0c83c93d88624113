import type { GuardOptions, GuardState } from '../authenticator.ts'
import type { OwnResourceOptions } from '../own-resource.ts'
import type { ScopeName } from '../token.ts'

export type { ErrorCode } from '../error-code.ts'
export { invalidToken } from '../errors.ts'
export { PosternError } from '../postern-error.ts'
export type { GuardHealth } from '../remote/monitor.ts'
export type { RemoteOptions } from '../remote/remote.ts'
export type { Authenticate } from '../requirements.ts'
export { describeResource, type ProtectedResourceOptions } from '../resource.ts'
export { type Catalogue, type OnEnd, type ScopeName, Token, type TokenInit } from '../token.ts'
export type { GuardOptions, GuardState, OwnResourceOptions }

/** The options of `expressGuard`, `honoGuard` and `nodeGuard`. */
export type AdapterOptions = GuardOptions & {
  /**
   * The resource identifier of this server, a URL. With it a 401 and a 403 name the URL of the server's metadata (RFC 9728
   * §5.1), which `protectedResource` serves. Default: the `audience`, once `protectedResource` was called.
   */
  resource?: string
  /**
   * Called for errors that are no fault of the client: the issuer is unavailable, `authenticate` failed. Default:
   * `console.error`.
   */
  onError?: (error: unknown) => void
}

/** The checks of a guard for one framework. */
export interface Checks<Check, Handler = Check> extends GuardState {
  /** Accepts a request whose token has all of the scopes. @throws TypeError without a scope */
  checkScopes(...all: [ScopeName, ...ScopeName[]]): Check
  /** Accepts a request whose token has at least one of the scopes. @throws TypeError without a scope */
  checkAnyScope(...any: [ScopeName, ...ScopeName[]]): Check
  /** Accepts a request with any valid token, whatever its scopes. */
  requireToken(): Check
  /**
   * Serves the metadata of this server (RFC 9728) at its well-known path, so that clients learn where to get a token, and for
   * which scopes. A 401 and a 403 then name its URL. Use it before the routes, at the root of the application.
   * @throws TypeError if neither the options nor the guard state the resource and the issuer
   * @example app.use(protectedResource({ scopes: ['orders:read', 'orders:create'] }))
   */
  protectedResource(options?: OwnResourceOptions): Handler
  /** Disconnects from the issuer. Call it when the server closes. */
  close(): Promise<void>
}

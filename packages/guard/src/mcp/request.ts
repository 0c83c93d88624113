import type { Token } from '../token.ts'
import type { AuthInfo } from './auth-info.ts'

/** What the guard adds to a request that it accepts. */
export interface McpRequest {
  /** For the transport of the SDK, which passes it to the handlers of tools as `authInfo`. */
  auth?: AuthInfo
  /** The verified token. `tokenOf` returns it typed. */
  token?: Token
  /** The parsed body, for `transport.handleRequest(request, response, request.body)`. */
  body?: unknown
}

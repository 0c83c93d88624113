import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMetadataResponder } from '../adapters/metadata.ts'
import { sendResponse } from '../adapters/send-response.ts'
import { createAuthenticator, type GuardState } from '../authenticator.ts'
import { bearerText } from '../bearer.ts'
import { type PlainResponse, toErrorResponse } from '../error-response.ts'
import { describeOwnResource, ownResourceOf } from '../own-resource.ts'
import { PosternError } from '../postern-error.ts'
import { assertScopes, assertToken } from '../requirements.ts'
import { PROTECTED_RESOURCE_PATH } from '../resource.ts'
import type { Token } from '../token.ts'
import { toAuthInfo } from './auth-info.ts'
import { readBody } from './body.ts'
import { toRpcError } from './error.ts'
import { isToolList, type Message, messagesOf } from './messages.ts'
import { checkMcpOptions, type McpGuardOptions } from './options.ts'
import { createPolicy } from './policy.ts'
import type { McpRequest } from './request.ts'
import { editToolLists } from './response.ts'
import { createSessions } from './sessions.ts'

export type { ErrorCode } from '../error-code.ts'
export { invalidToken } from '../errors.ts'
export { PosternError } from '../postern-error.ts'
export type { GuardHealth } from '../remote/monitor.ts'
export type { RemoteOptions } from '../remote/options.ts'
export type { Authenticate } from '../requirements.ts'
export { type Catalogue, type OnEnd, type ScopeName, Token, type TokenInit } from '../token.ts'
export { tokenOf } from '../token-of.ts'
export type { AuthInfo } from './auth-info.ts'
export type { McpGuardOptions } from './options.ts'
export type { McpRequest } from './request.ts'

/** A middleware of Express, or of `node:http` with a function in place of `next`. */
export interface McpGuard extends GuardState {
  (request: IncomingMessage & McpRequest, response: ServerResponse, next: Next): void
  /** Disconnects from the issuer. Call it when the server closes. */
  close(): Promise<void>
}

type Next = (error?: unknown) => void

/**
 * Protects a server of the Model Context Protocol that is built with the official SDK over Streamable HTTP. Every request that
 * reaches it needs an access token for this server, except for those for its metadata (RFC 9728), which it serves at the
 * path-inserted well-known path and at the root. A call of a tool needs the scopes of the tool; without them the response is
 * 403 with all scopes that the client has to request (step-up). Errors have a JSON-RPC body. A session belongs to the user and
 * the client that began it. Streams end with the token.
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const audience = 'http://localhost:8080/mcp'
 * app.use(mcpGuard({ issuer, audience, scopes: ['orders:read'], tools: { place_order: ['orders:create'] } }))
 */
export function mcpGuard(options: McpGuardOptions): McpGuard {
  checkMcpOptions(options)
  const { scopes = [], tools = {}, unavailableTools = 'mark', name, documentation, onError = console.error } = options
  const { audience } = options
  const guardOptions = remainingOptions(options)
  const description = describeOwnResource(
    { ...ownResourceOf(options), ...('authorizationServers' in options && pickServers(options)) },
    { scopes, name, documentation },
  )
  const metadataUrl = description.url.href
  const respond = createMetadataResponder(description, [description.url.pathname, PROTECTED_RESOURCE_PATH])
  const policy = createPolicy(scopes, tools)
  const sessions = createSessions()
  const { authenticate, ready, health, close } = createAuthenticator(guardOptions, {
    issuerUnavailable: onError,
    issuerRefused: onError,
  })

  /** @throws PosternError 400, 401, 403, 404, 413 or 415 */
  async function accept(request: IncomingMessage & McpRequest, response: ServerResponse, seen: Seen): Promise<void> {
    const text = bearerText({ headers: request.headers, query: queryOf(request.url ?? '') })
    const token = await authenticate(text)
    assertToken(token)
    seen.token = token
    assertScopes(token, policy.base)
    sessions.assertOwned(request, token)
    await readBody(request)
    seen.messages = messagesOf(request.body)
    assertScopes(token, policy.requirementOf(seen.messages))
    sessions.bind(response, token)
    const lists = seen.messages.filter(isToolList)
    if (lists.length > 0) editToolLists(response, lists, list => policy.visibleTools(list, token, unavailableTools))
    response.once(
      'close',
      token.onEnd(() => response.destroy()),
    )
    Object.assign(request, { token, auth: toAuthInfo(token, text, audience) })
  }

  function refusal(error: unknown, { token, messages }: Seen): PlainResponse {
    if (!(error instanceof PosternError) || error.status >= 500) onError(error)
    const required = policy.challengeScopes(messages, token)
    return toRpcError(toErrorResponse(error, { metadataUrl, scopes: required }), messages)
  }

  const middleware = (request: IncomingMessage & McpRequest, response: ServerResponse, next: Next): void => {
    const metadata = respond(request.method, urlOf(request))
    if (metadata) {
      sendResponse(response, metadata)
      return
    }
    const seen: Seen = { messages: [] }
    accept(request, response, seen).then(
      () => next(),
      error => sendResponse(response, refusal(error, seen)),
    )
  }
  return Object.assign(middleware, { ready, health, close })
}

/** What is known of a request when it is refused. */
interface Seen {
  token?: Token
  messages: readonly Message[]
}

/** Express removes the path that a middleware is mounted under from `url`. */
const urlOf = (request: IncomingMessage) => (request as { originalUrl?: string }).originalUrl ?? request.url ?? ''

function queryOf(url: string): object | undefined {
  const start = url.indexOf('?')
  return start < 0 ? undefined : Object.fromEntries(new URLSearchParams(url.slice(start)))
}

const pickServers = ({ authorizationServers }: { authorizationServers?: readonly string[] }) => ({
  authorizationServers,
})

/** The options of the guard itself. */
function remainingOptions(options: McpGuardOptions) {
  const { scopes, tools, unavailableTools, name, documentation, onError, ...rest } = options as McpGuardOptions & object
  return rest
}

import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import { findReservedParameter } from '../clients/uris.ts'
import { PosternError, raise } from '../errors/errors.ts'
import { invalidRequest, requestNotSupported, unauthorizedClient, unsupportedResponseType } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { knownParams, type ParsedQuery, type Prompt, readPrompt, readQuery } from './authorize-params.ts'
import { isRegistered } from './authorize-redirect.ts'
import {
  AuthorizationErrorResponse,
  MAX_REDIRECT_LENGTH,
  type RedirectTarget,
  redirectLength,
} from './authorize-response.ts'
import type { PushedRequests, StoredRequest } from './pushed.ts'

/** An authorization request that holds, whoever will answer it. */
export interface AuthorizeRequest extends RedirectTarget {
  client: Client
  /** Space-delimited, as sent; undefined: the defaults. */
  scope: string | undefined
  /** The resources it is for (RFC 8707), as in the row of a token; null: it names none. */
  audience: string | null
  /** S256 (RFC 7636 §4.2). */
  codeChallenge: string
  prompt: ReadonlySet<Prompt>
  /** All of it, as it would be pushed. */
  parameters: Record<string, string>
  /** Where it was stored on the server and the browser came with a `request_uri` (RFC 9126 §4). */
  stored: StoredRequest | undefined
}

export interface AuthorizeRequests {
  /**
   * Reads the query of an authorization request, in the order that decides who is told of an error (RFC 6749 §4.1.2.1).
   * @throws 400 for the person when the client or its redirect URI does not hold; AuthorizationErrorResponse for everything else
   */
  read(query: string): Promise<AuthorizeRequest>
  /** The same for what an authenticated client pushes. @throws 400 */
  check(client: Client, params: Params): Promise<AuthorizeRequest>
}

export interface AuthorizeRequestsOptions {
  clientAuthentication: Pick<ClientAuthentication, 'find'>
  policy: ClientPolicy
  pushedRequests: PushedRequests
}

/** A SHA-256 in base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

export function createAuthorizeRequests(options: AuthorizeRequestsOptions): AuthorizeRequests {
  const { clientAuthentication, policy, pushedRequests } = options

  async function clientOf({ params, repeated }: ParsedQuery): Promise<Client> {
    if (repeated.includes('client_id')) throw invalidRequest('client_id was sent more than once.')
    if (params.client_id === undefined) throw invalidRequest('client_id is missing.')
    const client = await clientAuthentication.find(params.client_id)
    return client ?? raise(invalidRequest('No app is registered under this client_id.'))
  }

  async function read(client: Client, parsed: ParsedQuery, stored?: StoredRequest): Promise<AuthorizeRequest> {
    const to = redirectTarget(client, parsed)
    try {
      assertSupported(parsed)
      return { ...to, ...(await readRest(client, parsed.params)), parameters: knownParams(parsed.params), stored }
    } catch (error) {
      throw error instanceof PosternError && error.status < 500 ? new AuthorizationErrorResponse(to, error) : error
    }
  }

  async function readRest(client: Client, params: Params) {
    const { scope } = params
    assertCodeResponse(client, params)
    const rest = { codeChallenge: readChallenge(params), prompt: readPrompt(params.prompt) }
    // Says early what no user could let the client have.
    policy.scopes(client, scope)
    return { client, scope, audience: await policy.audience(params.resource), ...rest }
  }

  return {
    async read(query) {
      const parsed = readQuery(query)
      const client = await clientOf(parsed)
      const uri = parsed.params.request_uri
      const stored = uri === undefined ? undefined : await pushedRequests.find(uri, client.id)
      // One that came with the browser and is only kept here was not pushed.
      if (client.requirePushedRequests && !stored?.oneTime) throw invalidRequest(NOT_PUSHED)
      if (!stored) return read(client, parsed)
      // What was pushed counts alone (RFC 9126 §4).
      return read(client, { params: stored.parameters, repeated: [] }, stored)
    },
    check: (client, params) => read(client, { params, repeated: [] }),
  }
}

const NOT_PUSHED = 'The app has to push its authorization requests (RFC 9126), and did not push this one.'

/** Nobody is sent anywhere that the client did not register. */
function redirectTarget(client: Client, { params, repeated }: ParsedQuery): RedirectTarget {
  const { redirect_uri: redirectUri, state } = params
  if (repeated.includes('redirect_uri')) throw invalidRequest('redirect_uri was sent more than once.')
  if (redirectUri === undefined) throw invalidRequest('redirect_uri is missing.')
  if (!isRegistered(redirectUri, client.redirectUris))
    throw invalidRequest('The app did not register this redirect_uri.')
  // Registered by an earlier version, which took such a URI.
  const reserved = findReservedParameter(new URL(redirectUri))
  if (reserved !== undefined)
    throw invalidRequest(
      `The redirect_uri has ${reserved} in its query, which the answer to the app says itself. Register one without it.`,
    )
  const to = { redirectUri, state }
  if (redirectLength(to) <= MAX_REDIRECT_LENGTH) return to
  throw invalidRequest(
    `redirect_uri and state are too long: together they may have ${MAX_REDIRECT_LENGTH} characters, with state as it is encoded in a URL. Keep the data in the app and send a reference as state.`,
  )
}

function assertSupported({ params, repeated }: ParsedQuery): void {
  if (repeated.length > 0) throw invalidRequest(`${repeated.join(', ')}: sent more than once.`)
  if (params.request !== undefined) throw requestNotSupported('Push the request instead of signing it (RFC 9126).')
}

function assertCodeResponse(client: Client, { response_type: type, response_mode: mode = 'query' }: Params): void {
  if (type === undefined) throw invalidRequest('response_type is missing.')
  if (type !== 'code') throw unsupportedResponseType('response_type must be code.')
  if (mode !== 'query') throw invalidRequest('response_mode must be query.')
  if (client.grantTypes.includes('authorization_code')) return
  throw unauthorizedClient('The client is not registered for authorization_code.')
}

/** Of every client, confidential or not (RFC 9700 §2.1.1). */
function readChallenge({ code_challenge: challenge, code_challenge_method: method }: Params): string {
  if (challenge === undefined) throw invalidRequest('code_challenge is missing: PKCE is needed (RFC 7636).')
  if (method !== 'S256') throw invalidRequest('code_challenge_method must be S256.')
  if (CHALLENGE.test(challenge)) return challenge
  throw invalidRequest('code_challenge must be a SHA-256 in base64url.')
}

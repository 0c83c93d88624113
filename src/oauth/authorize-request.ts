import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import { findReservedParameter } from '../clients/uris.ts'
import { PosternError, raise } from '../errors/errors.ts'
import {
  invalidRequest,
  requestNotSupported,
  shownToUser,
  unauthorizedClient,
  unsupportedResponseType,
} from '../errors/protocol.ts'
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
import { notAUri } from './form.ts'
import type { PushedRequests, StoredRequest } from './pushed.ts'

/** A valid authorization request. */
export interface AuthorizeRequest extends RedirectTarget {
  /** Space-delimited; undefined: the defaults. */
  scope: string | undefined
  /** The resources that it is for (RFC 8707), as in the row of a token; null: it names none. */
  audience: string | null
  /** S256 (RFC 7636 §4.2). */
  codeChallenge: string
  prompt: ReadonlySet<Prompt>
  /** All parameters, as they would be pushed. */
  parameters: Record<string, string>
  /** The stored request, if the browser sent a `request_uri` (RFC 9126 §4). */
  stored: StoredRequest | undefined
}

export interface AuthorizeRequests {
  /**
   * Validates the query of an authorization request. Client and redirect URI come first, since errors there must not be sent
   * to the client (RFC 6749 §4.1.2.1).
   * @throws 400, to be shown to the user, for an invalid client or redirect URI; AuthorizationErrorResponse otherwise
   */
  read(query: string): Promise<AuthorizeRequest>
  /** The same for a pushed request of an authenticated client. @throws 400 */
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

  const find = async (clientId: string) => {
    try {
      return await clientAuthentication.find(clientId)
    } catch (error) {
      throw shownToUser(error)
    }
  }

  async function clientOf({ params, repeated }: ParsedQuery): Promise<Client> {
    if (repeated.includes('client_id')) throw invalidRequest('client_id was sent more than once.')
    if (params.client_id === undefined) throw invalidRequest('client_id is missing.')
    const client = await find(params.client_id)
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
    const scope = policy.dropUnknown(client, params.scope)
    assertCodeResponse(client, params)
    const rest = { codeChallenge: readChallenge(params), prompt: readPrompt(params.prompt) }
    // Rejects early the scopes that no user can grant to the client.
    policy.scopes(client, scope)
    return { scope, audience: await policy.audience(params.resource), ...rest }
  }

  return {
    async read(query) {
      const parsed = readQuery(query)
      const client = await clientOf(parsed)
      const uri = parsed.params.request_uri
      const stored = uri === undefined ? undefined : await pushedRequests.find(uri, client.id)
      // A stored request that the browser sent was not pushed.
      if (client.requirePushedRequests && !stored?.oneTime) throw invalidRequest(NOT_PUSHED)
      if (!stored) return read(client, parsed)
      // Only the pushed parameters apply (RFC 9126 §4).
      return read(client, { params: stored.parameters, repeated: [] }, stored)
    },
    check: (client, params) => read(client, { params, repeated: [] }),
  }
}

const NOT_PUSHED = 'The app must push its authorization requests (RFC 9126), but did not push this one.'

/** Browsers are redirected only to registered URIs. */
function redirectTarget(client: Client, { params, repeated }: ParsedQuery): RedirectTarget {
  const { redirect_uri: redirectUri, state } = params
  if (repeated.includes('redirect_uri')) throw invalidRequest('redirect_uri was sent more than once.')
  if (redirectUri === undefined) throw invalidRequest('redirect_uri is missing.')
  if (!isRegistered(redirectUri, client.redirectUris))
    throw invalidRequest('The app did not register this redirect_uri.')
  // Earlier versions accepted such a URI at registration.
  const reserved = findReservedParameter(new URL(redirectUri))
  if (reserved !== undefined)
    throw invalidRequest(
      `The redirect_uri has ${reserved} in its query, which is a parameter of the authorization response. Register one without it.`,
    )
  const to = { client, redirectUri, state }
  if (redirectLength(to) <= MAX_REDIRECT_LENGTH) return to
  throw invalidRequest(
    `redirect_uri and state are too long: together they may have at most ${MAX_REDIRECT_LENGTH} characters, counting state as encoded in a URL. Keep the data in the app and send a reference as state.`,
  )
}

function assertSupported({ params, repeated, badResource }: ParsedQuery): void {
  if (repeated.length > 0) throw invalidRequest(`${repeated.join(', ')}: sent more than once.`)
  if (badResource) throw notAUri()
  if (params.request !== undefined) throw requestNotSupported('Push the request instead of signing it (RFC 9126).')
}

function assertCodeResponse(client: Client, { response_type: type, response_mode: mode = 'query' }: Params): void {
  if (type === undefined) throw invalidRequest('response_type is missing.')
  if (type !== 'code') throw unsupportedResponseType('response_type must be code.')
  if (mode !== 'query') throw invalidRequest('response_mode must be query.')
  if (client.grantTypes.includes('authorization_code')) return
  throw unauthorizedClient('The client is not registered for authorization_code.')
}

/** Reads the PKCE challenge, which is required of every client, confidential or not (RFC 9700 §2.1.1). */
function readChallenge({ code_challenge: challenge, code_challenge_method: method }: Params): string {
  if (challenge === undefined) throw invalidRequest('code_challenge is missing: PKCE is required (RFC 7636).')
  if (method !== 'S256') throw invalidRequest('code_challenge_method must be S256.')
  if (CHALLENGE.test(challenge)) return challenge
  throw invalidRequest('code_challenge must be a SHA-256 in base64url.')
}

import { normalizeIssuer } from '../issuer-url.ts'
import { createHttpClient, type HttpResponse } from '../remote/http.ts'
import { metadataUrl } from '../remote/metadata.ts'
import { LoginError, refused } from './error.ts'
import { isProtected } from './options.ts'

/** The members of the issuer's metadata that a sign-in uses (RFC 8414 §2, RFC 8628 §4). */
const ENDPOINTS = {
  authorize: 'authorization_endpoint',
  token: 'token_endpoint',
  device: 'device_authorization_endpoint',
  revoke: 'revocation_endpoint',
} as const
export type Endpoint = keyof typeof ENDPOINTS

/** The response of the token endpoint (RFC 6749 §5.1). */
export interface TokenSet {
  accessToken: string
  refreshToken: string | undefined
  expiresAt: Date
  scopes: string[]
}

/** An OAuth error response (RFC 6749 §5.2). */
export interface OAuthError {
  error: string
  description: string
}

export interface IssuerClient {
  /** Whether authorization responses contain `iss` (RFC 9207 §3). */
  readonly namesItself: boolean
  has(endpoint: Endpoint): boolean
  /** @throws LoginError `refused` if the issuer has no such endpoint */
  url(endpoint: Endpoint): string
  /** Posts a form. @returns the JSON body, or the error of the protocol @throws LoginError `unavailable`, `refused` */
  post(endpoint: Endpoint, form: Record<string, string>): Promise<Record<string, unknown> | OAuthError>
  /** Requests tokens. @returns the tokens, or the error of the protocol @throws LoginError `unavailable`, `refused` */
  requestToken(form: Record<string, string>): Promise<TokenSet | OAuthError>
}

export const isOAuthError = (answer: object): answer is OAuthError => 'error' in answer && 'description' in answer

/** Reads the metadata of an issuer. @param issuer in normal form @throws LoginError `unavailable`, `refused` */
export async function openIssuer(issuer: string): Promise<IssuerClient> {
  const http = createHttpClient()
  const location = metadataUrl(issuer)
  const metadata = readObject(location, await reach(http.get(location, { accept: 'application/json' })))
  // RFC 8414 §3.3: it may not be the metadata of another issuer.
  if (normalizeIssuer(metadata.issuer) !== issuer) {
    throw refused(`${location} is the metadata of ${JSON.stringify(metadata.issuer)}. Use that issuer.`)
  }
  const endpoint = (name: Endpoint) => metadata[ENDPOINTS[name]]

  function url(name: Endpoint): string {
    const found = endpoint(name)
    if (typeof found !== 'string' || !URL.canParse(found)) throw refused(`${issuer} has no ${ENDPOINTS[name]}.`)
    if (!isProtected(found)) throw refused(`The ${ENDPOINTS[name]} of ${issuer} must use https.`)
    return found
  }

  async function post(name: Endpoint, form: Record<string, string>) {
    const target = url(name)
    const response = await reach(http.post(target, form, { accept: 'application/json' }))
    if (response.status === 200) return response.text.trim() === '' ? {} : readObject(target, response)
    return readError(target, response)
  }

  return {
    namesItself: metadata.authorization_response_iss_parameter_supported === true,
    has: name => typeof endpoint(name) === 'string',
    url,
    post,
    async requestToken(form) {
      const requestedAt = Date.now()
      const answer = await post('token', form)
      return isOAuthError(answer) ? answer : readTokens(answer, requestedAt, form.scope)
    },
  }
}

const reach = (request: Promise<HttpResponse>) =>
  request.catch(error => {
    throw new LoginError('unavailable', error.message, error)
  })

function readObject(url: string, { status, text }: HttpResponse): Record<string, unknown> {
  const body = status === 200 ? parse(text) : undefined
  if (body) return body
  if (status >= 500) throw new LoginError('unavailable', `${url} returned ${status}.`)
  throw refused(status === 200 ? `${url} did not return a JSON object.` : `${url} returned ${status}.`)
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function readError(url: string, { status, text }: HttpResponse): OAuthError {
  const body = parse(text)
  if (typeof body?.error === 'string' && status < 500) {
    const description = typeof body.error_description === 'string' ? body.error_description : body.error
    return { error: body.error, description }
  }
  const message = `${url} returned ${status}.`
  throw status >= 500 || status === 429 ? new LoginError('unavailable', message) : refused(message)
}

/** Seconds; `expires_in` is only recommended (RFC 6749 §5.1). */
const DEFAULT_LIFETIME = 3_600

function readTokens(body: Record<string, unknown>, requestedAt: number, requested: string | undefined): TokenSet {
  const { access_token: accessToken, token_type: type, refresh_token: refreshToken, expires_in: seconds } = body
  if (typeof accessToken !== 'string' || !/^[\x21-\x7e]+$/.test(accessToken) || !/^bearer$/i.test(String(type))) {
    throw refused('The issuer did not return a bearer token.')
  }
  const scope = typeof body.scope === 'string' ? body.scope : (requested ?? '')
  return {
    accessToken,
    refreshToken: typeof refreshToken === 'string' ? refreshToken : undefined,
    // The time of the request, so that the stored expiry is never later than the real one.
    expiresAt: new Date(requestedAt + (Number(seconds) || DEFAULT_LIFETIME) * 1000),
    scopes: scope.split(' ').filter(Boolean),
  }
}

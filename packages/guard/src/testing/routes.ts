import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import { type accessTokenClaims, statusListUri } from '../claims.ts'
import type { Credentials } from '../remote/http.ts'
import { followEvents } from './events.ts'
import type { Statuses, StatusReference } from './statuses.ts'

export interface IssuedTestToken {
  claims: ReturnType<typeof accessTokenClaims>
  statusReference: StatusReference
}

export interface IssuerRoutesOptions {
  url: string
  /** The deployment's audience. */
  audience: string
  jwks: JSONWebKeySet
  sign: (payload: JWTPayload, typ: string) => Promise<string>
  /** The credentials of the only client, which may follow the feed and introspect. */
  credentials: Credentials
  statuses: Statuses
  issued: ReadonlyMap<string, IssuedTestToken>
}

type Route = (request: IncomingMessage, response: ServerResponse) => unknown

/**
 * The lists expire from caches at once and state no sequence number, so that a guard fetches them for each request, even if it
 * follows the feed, and rejects a revoked token from the next request on. The ttl must be a positive number
 * (draft-ietf-oauth-status-list §5.1).
 */
const TTL_SECONDS = 1e-6
/** Seconds until a signed list expires. */
const LIST_LIFETIME = 60

/** The routes that a guard requests: RFC 8414, RFC 7517, RFC 7662, draft-ietf-oauth-status-list and the event feed. */
export function issuerRoutes(options: IssuerRoutesOptions): Route {
  const { url, audience, jwks, sign, credentials, statuses, issued } = options

  const routes: Record<string, Route> = {
    'GET /.well-known/oauth-authorization-server': (_, response) => json(response, describe(url, audience)),
    'GET /.well-known/jwks.json': (_, response) => json(response, jwks),
    'GET /oauth/status-lists': (_, response) =>
      json(response, { status_lists: statuses.lists.map((_, i) => statusListUri(url, i + 1)) }),
    'GET /oauth/events': authenticated((_, response) => followEvents(statuses, response)),
    'POST /oauth/introspect': authenticated(async (request, response) => {
      const tokenText = new URLSearchParams(await text(request)).get('token') ?? ''
      json(response, introspect(issued.get(tokenText)))
    }),
  }

  function authenticated(route: Route): Route {
    return (request, response) => {
      if (isAuthenticated(request.headers.authorization, credentials)) return route(request, response)
      response.setHeader('www-authenticate', 'Basic realm="postern"')
      json(response, { error: 'invalid_client' }, 401)
    }
  }

  function introspect(token: IssuedTestToken | undefined): object {
    const active = token && statuses.isValid(token.statusReference) && token.claims.exp * 1000 > Date.now()
    return active ? { active, token_type: 'Bearer', ...token.claims } : { active: false }
  }

  async function sendList(id: number, response: ServerResponse): Promise<void> {
    const list = statuses.lists[id - 1]
    if (!list) return notFound(response)
    const iat = Math.floor(Date.now() / 1000)
    const status_list = { bits: 2, lst: list.encode(), aggregation_uri: `${url}/oauth/status-lists` }
    const sub = statusListUri(url, id)
    const claims = { iss: url, sub, iat, exp: iat + LIST_LIFETIME, ttl: TTL_SECONDS, status_list }
    const signed = await sign(claims, 'statuslist+jwt')
    response.setHeader('content-type', 'application/statuslist+jwt').setHeader('cache-control', 'no-store').end(signed)
  }

  function route(request: IncomingMessage, response: ServerResponse): unknown {
    const [path = ''] = String(request.url).split('?')
    const list = /^\/oauth\/status-lists\/(\d+)$/.exec(path)
    if (list) return sendList(Number(list[1]), response)
    return (routes[`${request.method} ${path}`] ?? ((_, missing) => notFound(missing)))(request, response)
  }

  return async (request, response) => {
    try {
      await route(request, response)
    } catch {
      // The client has disconnected.
      response.destroy()
    }
  }
}

/** The metadata (RFC 8414 §2) with the event feed. */
const describe = (issuer: string, audience: string) => ({
  issuer,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  response_types_supported: [],
  introspection_endpoint: `${issuer}/oauth/introspect`,
  status_list_aggregation_endpoint: `${issuer}/oauth/status-lists`,
  status_events_endpoint: `${issuer}/oauth/events`,
  deployment_audience: audience,
})

/** HTTP Basic, id and secret form-encoded (RFC 6749 §2.3.1). */
function isAuthenticated(header: string | undefined, { clientId, clientSecret }: Credentials): boolean {
  const [, encoded = ''] = /^basic (.+)$/i.exec(header ?? '') ?? []
  const received = new URLSearchParams(Buffer.from(encoded, 'base64').toString().replace(':', '='))
  return received.get(clientId) === clientSecret
}

function json(response: ServerResponse, body: object, status = 200): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json').setHeader('cache-control', 'no-store')
  response.end(JSON.stringify(body))
}

const notFound = (response: ServerResponse) => json(response, { error: 'not_found' }, 404)

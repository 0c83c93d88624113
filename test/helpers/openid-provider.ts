import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { Provider } from 'oidc-provider'

type Test = { teardown(work: () => unknown): void }

export const OIDC_CLIENT = { clientId: 'postern', clientSecret: 'a-secret-of-the-provider' }

/** A real OpenID provider of this test's own. It asks nothing: `person` is whoever sits in front of it. */
export interface OpenIdProvider {
  issuer: string
  /** The subject that signs in next, and the claims about each subject. */
  person: string
  readonly claims: Record<string, Record<string, unknown>>
  /** `break`: answers 500; `hang`: never answers. */
  state: 'ok' | 'break' | 'hang'
  /** Changes what is sent, such as an ID token. */
  rewrite: ((path: string, body: string) => string | Promise<string>) | undefined
  /** Requests for a path. */
  readonly requests: string[]
  /** Signs with the provider's key. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /**
   * Follows the redirects of the provider, as a browser with these cookies does.
   * @returns where the browser is sent back to
   */
  walk(authorizationUrl: string, cookies?: Map<string, string>): Promise<URL>
}

export async function openProvider(t: Test, redirectUris: string[], client: object = {}): Promise<OpenIdProvider> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'provider' } as JWK
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const self: OpenIdProvider = {
    issuer,
    person: 'ada',
    claims: {},
    state: 'ok',
    rewrite: undefined,
    requests: [],
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'provider', ...header }).sign(privateKey),
    walk,
  }
  const provider = new Provider(issuer, configuration(self, jwk, redirectUris, client) as never)
  const handle = provider.callback()
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url as string
    self.requests.push(path.split('?')[0] as string)
    if (self.state === 'hang') return
    if (self.state === 'break') return void response.writeHead(500).end('broken')
    if (path.startsWith('/interaction/')) return void interact(provider, self, request, response)
    if (self.rewrite) rewriteBody(response, path, self.rewrite)
    handle(request, response)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return self
}

function configuration(self: OpenIdProvider, jwk: JWK, redirect_uris: string[], client: object) {
  return {
    clients: [
      {
        client_id: OIDC_CLIENT.clientId,
        client_secret: OIDC_CLIENT.clientSecret,
        redirect_uris,
        token_endpoint_auth_method: 'client_secret_basic',
        ...client,
      },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key of this test'] },
    claims: {
      openid: ['sub', 'sid', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name', 'oid'],
      groups: ['groups'],
    },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: async () => ({ sub, ...self.claims[sub] }),
    }),
  }
}

async function interact(provider: Provider, self: OpenIdProvider, request: IncomingMessage, response: ServerResponse) {
  const details = await provider.interactionDetails(request, response)
  if (details.prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: self.person } })
    return
  }
  const grant = new provider.Grant({ accountId: self.person, clientId: OIDC_CLIENT.clientId })
  grant.addOIDCScope('openid email profile groups')
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

function rewriteBody(response: ServerResponse, path: string, rewrite: NonNullable<OpenIdProvider['rewrite']>): void {
  const end = response.end.bind(response) as (body: string) => void
  response.end = ((body: unknown) => {
    void (async () => {
      const text = await rewrite(path, String(body ?? ''))
      response.removeHeader('content-length')
      end(text)
    })()
    return response
  }) as never
}

async function walk(authorizationUrl: string, cookies = new Map<string, string>()): Promise<URL> {
  const { origin } = new URL(authorizationUrl)
  for (let url = new URL(authorizationUrl); ; ) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (!location) throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`)
    url = new URL(location, url)
    if (url.origin !== origin) return url
  }
}

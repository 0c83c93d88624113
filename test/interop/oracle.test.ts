import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import t from 'tap'
import { listeningIssuer } from '../helpers/issuer.ts'
import { basic } from '../helpers/oauth.ts'
import { freePort } from '../helpers/port.ts'

const CALLBACK = 'https://viewer.example.com/callback'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

const { issuer, services } = await listeningIssuer(t)
const machine = await services.clients.create({ name: 'Machine', grantTypes: ['client_credentials'] })
const app = await services.clients.create({ name: 'App', redirectUris: [CALLBACK] })
const page = await services.clients.create({
  name: 'Page',
  public: true,
  redirectUris: [CALLBACK],
  grantTypes: ['authorization_code', 'refresh_token', DEVICE],
})

/** The same clients, at a server that nobody here wrote. */
const oracle = await (async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const provider = new Provider(url, {
    clients: [
      entry(machine, { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }),
      entry(app, { grant_types: ['authorization_code', 'refresh_token'] }),
      entry(page, { grant_types: ['authorization_code', 'refresh_token', DEVICE], token_endpoint_auth_method: 'none' }),
    ] as never,
    scopes: ['orders:read', 'offline_access'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      deviceFlow: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
    },
    pkce: { required: () => true },
    cookies: { keys: ['a key for tests'] },
  })
  provider.on('server_error', () => {})
  const server = createServer(provider.callback())
  await new Promise<void>(resolve => void server.listen(Number(new URL(url).port), '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  return url
})()

function entry({ client, secret }: typeof machine, more: object) {
  return {
    client_id: client.id,
    ...(secret && { client_secret: secret }),
    redirect_uris: [CALLBACK],
    response_types: ['code'],
    ...more,
  }
}

const PATHS = {
  token: ['/oauth/token', '/token'],
  introspect: ['/oauth/introspect', '/token/introspection'],
  revoke: ['/oauth/revoke', '/token/revocation'],
  device: ['/oauth/device_authorization', '/device/auth'],
  par: ['/oauth/par', '/request'],
} as const

interface Case {
  to: keyof typeof PATHS
  form?: Record<string, string | string[]>
  headers?: Record<string, string>
  method?: string
  body?: string
  /** Why our answer is another one. */
  because?: string
}

const mine = basic(machine.client.id, machine.secret)
const apps = basic(app.client.id, app.secret)
const wrong = basic(machine.client.id, 'wrong')
const pageId = { client_id: page.client.id }
const code = {
  grant_type: 'authorization_code',
  code: 'nobody-gave-this',
  redirect_uri: CALLBACK,
  code_verifier: 'x'.repeat(43),
}
const request = {
  client_id: app.client.id,
  response_type: 'code',
  redirect_uri: CALLBACK,
  code_challenge: 'x'.repeat(43),
  code_challenge_method: 'S256',
}

const CASES: Record<string, Case> = {
  'a machine gets a token': { to: 'token', form: { grant_type: 'client_credentials' }, headers: mine },
  'by post': {
    to: 'token',
    form: { grant_type: 'client_credentials', client_id: machine.client.id, client_secret: machine.secret as string },
  },
  'no grant_type': { to: 'token', form: { scope: 'orders:read' }, headers: mine },
  'an empty grant_type': { to: 'token', form: { grant_type: '' }, headers: mine },
  'an unknown grant_type': { to: 'token', form: { grant_type: 'magic' }, headers: mine },
  password: { to: 'token', form: { grant_type: 'password', username: 'a', password: 'b' }, headers: mine },
  'a grant it may not use': {
    because: 'RFC 6749 §5.2 names unauthorized_client for it',
    to: 'token',
    form: code,
    headers: mine,
  },
  'a wrong secret by Basic': { to: 'token', form: { grant_type: 'client_credentials' }, headers: wrong },
  'a wrong secret by post': {
    to: 'token',
    form: { grant_type: 'client_credentials', client_id: machine.client.id, client_secret: 'wrong' },
  },
  'an unknown client': { to: 'token', form: { grant_type: 'client_credentials' }, headers: basic('nobody', 'x') },
  'no client': {
    because: 'RFC 6749 §5.2: no client authentication included is invalid_client',
    to: 'token',
    form: { grant_type: 'client_credentials' },
  },
  'a confidential client without its secret': {
    to: 'token',
    form: { grant_type: 'client_credentials', client_id: machine.client.id },
  },
  'two ways at once': {
    to: 'token',
    form: { grant_type: 'client_credentials', client_id: machine.client.id, client_secret: machine.secret as string },
    headers: mine,
  },
  'another client_id beside Basic': {
    to: 'token',
    form: { grant_type: 'client_credentials', client_id: app.client.id },
    headers: mine,
  },
  'a public client for itself': {
    because: 'RFC 6749 §5.2 names unauthorized_client for it',
    to: 'token',
    form: { grant_type: 'client_credentials', ...pageId },
  },
  'a parameter twice': {
    to: 'token',
    form: { grant_type: ['client_credentials', 'client_credentials'] },
    headers: mine,
  },
  'an unknown parameter': { to: 'token', form: { grant_type: 'client_credentials', colour: 'blue' }, headers: mine },
  'an unknown scope': {
    because: 'RFC 6749 §5.2 names invalid_scope; leaving it out in silence helps nobody',
    to: 'token',
    form: { grant_type: 'client_credentials', scope: 'magic' },
    headers: mine,
  },
  'a body of JSON': {
    because: '415 says what is wrong; the error is the same',
    to: 'token',
    headers: { ...mine, 'content-type': 'application/json' },
    body: '{"grant_type":"client_credentials"}',
  },
  'no body': { to: 'token', headers: mine },
  GET: {
    because: 'RFC 9110 §15.5.6: the path is there, the method is not',
    to: 'token',
    method: 'GET',
    headers: mine,
  },
  'a code that was never given': { to: 'token', form: code, headers: apps },
  'no code': { to: 'token', form: { ...code, code: '' }, headers: apps },
  'a refresh token that was never given': {
    to: 'token',
    form: { grant_type: 'refresh_token', refresh_token: 'nothing' },
    headers: apps,
  },
  'no refresh token': { to: 'token', form: { grant_type: 'refresh_token' }, headers: apps },
  'a device code that was never given': {
    to: 'token',
    form: { grant_type: DEVICE, device_code: 'nothing', ...pageId },
  },
  'no device code': { to: 'token', form: { grant_type: DEVICE, ...pageId } },
  'introspecting nothing we know': { to: 'introspect', form: { token: 'nothing' }, headers: mine },
  'introspecting without a token': { to: 'introspect', form: {}, headers: mine },
  'introspecting as nobody': {
    because: 'RFC 6749 §5.2: no client authentication included is invalid_client',
    to: 'introspect',
    form: { token: 'nothing' },
  },
  'introspecting with a wrong secret': { to: 'introspect', form: { token: 'nothing' }, headers: wrong },
  'revoking nothing we know': { to: 'revoke', form: { token: 'nothing' }, headers: mine },
  'revoking without a token': { to: 'revoke', form: {}, headers: mine },
  'revoking as nobody': {
    because: 'RFC 6749 §5.2: no client authentication included is invalid_client',
    to: 'revoke',
    form: { token: 'nothing' },
  },
  'a hint we do not know': { to: 'revoke', form: { token: 'nothing', token_type_hint: 'magic' }, headers: mine },
  'a device begins': { to: 'device', form: { ...pageId, scope: 'orders:read' } },
  'a device of an unknown client': { to: 'device', form: { client_id: 'nobody' } },
  'a device of a client without the grant': {
    because: 'RFC 8628 §3.1 with RFC 6749 §5.2: unauthorized_client',
    to: 'device',
    form: {},
    headers: apps,
  },
  'a device that asks for an unknown scope': {
    because: 'RFC 6749 §5.2 names invalid_scope; leaving it out in silence helps nobody',
    to: 'device',
    form: { ...pageId, scope: 'magic' },
  },
  'a request is pushed': { to: 'par', form: request, headers: apps },
  'pushing as nobody': {
    to: 'par',
    form: request,
  },
  'pushing a request_uri': {
    because: 'RFC 9126 §2.1 has it refused as invalid_request',
    to: 'par',
    form: { ...request, request_uri: 'urn:x' },
    headers: apps,
  },
  'pushing another redirect URI': {
    to: 'par',
    form: { ...request, redirect_uri: 'https://evil.example.com' },
    headers: apps,
  },
  'pushing without PKCE': {
    to: 'par',
    form: { ...request, code_challenge: '', code_challenge_method: '' },
    headers: apps,
  },
  'pushing PKCE that is plain': { to: 'par', form: { ...request, code_challenge_method: 'plain' }, headers: apps },
  'pushing for a token': {
    to: 'par',
    form: { ...request, response_type: 'token' },
    headers: apps,
  },
}

interface Said {
  status: number
  error: string | undefined
}

async function ask(base: string, at: 0 | 1, { to, form, headers = {}, method = 'POST', body }: Case): Promise<Said> {
  const sent = new URLSearchParams()
  for (const [name, value] of Object.entries(form ?? {})) for (const one of [value].flat()) sent.append(name, one)
  const payload = method === 'GET' ? undefined : (body ?? (form ? sent : undefined))
  const answer = await fetch(base + PATHS[to][at], { method, headers, ...(payload !== undefined && { body: payload }) })
  const text = await answer.text()
  const json = answer.headers.get('content-type')?.includes('json') && text ? JSON.parse(text) : {}
  return { status: answer.status, error: json.error }
}

for (const [name, one] of Object.entries(CASES)) {
  t.test(name, async t => {
    const [ours, theirs] = await Promise.all([ask(issuer, 0, one), ask(oracle, 1, one)])
    if (!one.because) t.strictSame(ours, theirs, `ours ${JSON.stringify(ours)}, the oracle ${JSON.stringify(theirs)}`)
    else t.not(JSON.stringify(ours), JSON.stringify(theirs), `no deviation any more: ${one.because}`)
  })
}

import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import type { TrustSettings } from '../../src/trusts/rules.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl } from '../helpers/browser.ts'
import { openSilentHost } from '../helpers/metadata-client.ts'
import { form } from '../helpers/oauth.ts'
import { buildServer, GITHUB, GITLAB, KUBERNETES } from './provider.ts'

const OURS = 'http://localhost:3000'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const { app, services } = await testApp(t, { fetchLoopback: true })
const server = await buildServer(t)
const user = await newUser(services)
const { client } = await services.clients.create({
  name: 'Deployer',
  grantTypes: [],
  scopes: ['orders:read', 'reports'],
})
const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })

const trust = (settings: TrustSettings) =>
  services.trusts.create({ issuer: server.issuer, userId: user.id, scopes: ['orders:read'], ...settings })

const exchange = (token: string, more: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
  form(app, '/oauth/token', { grant_type: TOKEN_EXCHANGE, subject_token: token, subject_token_type: JWT, ...more })

const refused = (t: Test, response: LightMyRequestResponse, description: RegExp, error = 'invalid_request') =>
  t.match({ status: response.statusCode, ...response.json() }, { status: 400, error, error_description: description })

const status = async (token: string) =>
  (await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${token}` } })).statusCode

t.test('a job of GitHub Actions gets a token of a user', async t => {
  const match = { repository: 'acme/shop', ref: 'refs/heads/main' }
  const { id } = await trust({ match, pin: ['repository_id', 'repository_owner_id'], lifetime: 600 })
  const response = await exchange(await server.tokenFor(GITHUB, OURS))
  t.equal(response.statusCode, 200, response.body)
  const body = response.json()
  t.match(body, {
    token_type: 'Bearer',
    expires_in: 600,
    scope: 'orders:read',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    refresh_token: undefined,
  })
  t.equal(await status(body.access_token), 200)
  t.match((await services.trusts.find(id)).pinned, { repository_id: '74', repository_owner_id: '65' })

  const { jti } = decodeJwt(body.access_token)
  const listed = (await services.tokens.list(user.id, { limit: 10 })).find(token => token.id === jti)
  t.match(listed, { name: 'acme/shop, Release, 1234' })
  const [event] = await services.auditLog.list({ tokenId: jti as string, kind: 'token.issued' }, { limit: 1 })
  t.match(event?.details, { trust: id, trust_issuer: server.issuer, subject: GITHUB.sub })

  refused(t, await exchange(await server.tokenFor({ ...GITHUB, ref: 'refs/heads/evil' }, OURS)), /match no trust/)
  refused(t, await exchange(await server.tokenFor({ ...GITHUB, repository_id: '75' }, OURS)), /pinned/)
  refused(t, await exchange(await server.tokenFor(GITHUB, 'https://pypi.org')), /No trust is configured/)

  const removed = await app.inject({ method: 'DELETE', url: `/admin/trusts/${id}`, headers: admin.headers })
  t.match(removed.json(), { data: { id }, revoked: 1 })
  t.equal(await status(body.access_token), 401)
  refused(t, await exchange(await server.tokenFor(GITHUB, OURS)), /No trust is configured/)
})

t.test('a job of GitLab gets a token of an app', async t => {
  const match = { project_path: 'acme/web/*', ref_protected: 'true' }
  const { id } = await trust({ match, userId: undefined, clientId: client.id, scopes: ['reports'] })
  const response = await exchange(await server.tokenFor(GITLAB, OURS))
  t.equal(response.statusCode, 200, response.body)
  const token = response.json().access_token
  t.match(decodeJwt(token), { client_id: client.id, sub: client.id, scope: 'reports' })
  const [event] = await services.auditLog.list({ clientId: client.id, kind: 'token.issued' }, { limit: 1 })
  t.match(event?.details, { name: 'acme/web/shop, 302', trust: id })
  refused(t, await exchange(await server.tokenFor({ ...GITLAB, ref_protected: 'false' }, OURS)), /match no trust/)
  refused(t, await exchange(await server.tokenFor({ ...GITLAB, project_path: 'acme/shop' }, OURS)), /match no trust/)
  await services.trusts.remove(id)
})

t.test('a pod of Kubernetes is matched by nested claims', async t => {
  const match = { 'kubernetes.io/namespace': 'payments', 'kubernetes.io/serviceaccount/name': 'deployer' }
  const { id } = await trust({ match, pin: ['kubernetes.io/serviceaccount/uid'] })
  const response = await exchange(await server.tokenFor(KUBERNETES, OURS))
  t.equal(response.statusCode, 200, response.body)
  const { jti } = decodeJwt(response.json().access_token)
  const found = (await services.tokens.list(user.id, { limit: 10 })).find(token => token.id === jti)
  t.equal(found?.name, 'payments, deployer, deploy-x7k2p')
  const other = { ...(KUBERNETES['kubernetes.io'] as object), namespace: 'default' }
  refused(t, await exchange(await server.tokenFor({ ...KUBERNETES, 'kubernetes.io': other }, OURS)), /match no trust/)
  await services.trusts.remove(id)
})

t.test('a job may ask for less, and for another format', async t => {
  const { id } = await trust({ match: { repository: 'acme/shop' }, scopes: ['orders:read', 'reports'] })
  const token = await server.tokenFor(GITHUB, OURS)
  t.equal((await exchange(token, { scope: 'reports' })).json().scope, 'reports')
  t.equal((await exchange(token, { requested_token_type: JWT })).json().issued_token_type, JWT)
  refused(t, await exchange(token, { scope: 'orders:create' }), /orders:create/, 'invalid_scope')
  refused(t, await exchange(token, { resource: 'https://unknown.example.com' }), /No resource server/, 'invalid_target')
  await services.trusts.remove(id)
})

t.test('of several trusts, the one with the most exact claims applies', async t => {
  const any = await trust({ match: { repository: 'acme/*' } })
  const repository = await trust({ match: { repository: 'acme/shop' }, scopes: ['reports'] })
  const main = await trust({ match: { repository: 'acme/shop', ref: 'refs/heads/main' }, scopes: ['orders:create'] })
  const scopeOf = async (claims: object) =>
    (await exchange(await server.tokenFor({ ...GITHUB, ...claims }, OURS))).json().scope
  t.equal(await scopeOf({}), 'orders:create')
  t.equal(await scopeOf({ ref: 'refs/heads/x' }), 'reports')
  t.equal(await scopeOf({ repository: 'acme/other' }), 'orders:read')
  const event = await trust({ match: { repository: 'acme/shop', event_name: 'push' }, scopes: ['reports'] })
  refused(t, await exchange(await server.tokenFor(GITHUB, OURS)), /Several trusts apply equally/)
  for (const { id } of [any, repository, main, event]) await services.trusts.remove(id)
})

t.test('changing a trust revokes what it issued and pins anew; renaming it does not', async t => {
  const { id } = await trust({ match: { repository: 'acme/shop' }, pin: ['repository_id'] })
  const issued = async () => (await exchange(await server.tokenFor(GITHUB, OURS))).json().access_token
  const token = await issued()
  const change = (payload: object) =>
    app.inject({ method: 'PATCH', url: `/admin/trusts/${id}`, headers: admin.headers, payload })
  t.match((await change({ name: 'Shop' })).json(), {
    revoked: 0,
    data: { name: 'Shop', pinned: { repository_id: '74' } },
  })
  t.equal(await status(token), 200)
  t.match((await change({ lifetime: 60 })).json(), { revoked: 1, data: { pinned: null } })
  t.equal(await status(token), 401)
  t.equal(await status(await issued()), 200)
  await services.trusts.remove(id)
})

t.test('of many first uses at once, one pins', async t => {
  const { id } = await trust({ match: { repository: 'acme/shop' }, pin: ['repository_id'] })
  const tokens: string[] = []
  for (let i = 0; i < 8; i++) tokens.push(await server.tokenFor({ ...GITHUB, repository_id: String(i) }, OURS))
  const all = await Promise.all(tokens.map(token => exchange(token)))
  t.equal(all.filter(({ statusCode }) => statusCode === 200).length, 1)
  const winner = all.findIndex(({ statusCode }) => statusCode === 200)
  t.strictSame((await services.trusts.find(id)).pinned, { repository_id: String(winner) })
  await services.trusts.remove(id)
})

t.test('a disabled user and a revoked app get nothing, and their tokens die', async t => {
  const someone = await newUser(services)
  const { id } = await trust({ match: { repository: 'acme/shop' }, userId: someone.id })
  const token = (await exchange(await server.tokenFor(GITHUB, OURS))).json().access_token
  await services.users.disable(someone.id)
  t.equal(await status(token), 401)
  refused(t, await exchange(await server.tokenFor(GITHUB, OURS)), /disabled/, 'invalid_grant')
  await services.trusts.remove(id)

  const other = await services.clients.create({ name: 'Other', grantTypes: [] })
  const machine = await trust({ match: { project_id: '22' }, userId: undefined, clientId: other.client.id })
  t.equal((await exchange(await server.tokenFor(GITLAB, OURS))).statusCode, 200)
  await services.clients.revoke(other.client.id)
  refused(t, await exchange(await server.tokenFor(GITLAB, OURS)), /revoked/, 'invalid_grant')
  await services.trusts.remove(machine.id)
})

t.test('administrative scopes end with the role of the user', async t => {
  const chief = await newUser(services, 'admin')
  const { id } = await trust({
    match: { repository: 'acme/shop' },
    userId: chief.id,
    scopes: ['orders:read', 'admin:read'],
  })
  t.equal((await exchange(await server.tokenFor(GITHUB, OURS))).json().scope, 'orders:read admin:read')
  await services.users.update(chief.id, { role: 'user' })
  t.equal((await exchange(await server.tokenFor(GITHUB, OURS))).json().scope, 'orders:read')
  await services.trusts.remove(id)
})

t.test('tokens of this deployment are exchanged as before', async t => {
  const personal = await actingAs(services, ['orders:read'], { format: 'jwt' })
  t.equal((await exchange(personal.token)).statusCode, 200)
  refused(t, await exchange('x.y.z'), /subject_token/)
})

t.test('documents of strangers do not take the place of an issuer', async t => {
  const fresh = await testApp(t, { fetchLoopback: true })
  const owner = await newUser(fresh.services)
  const match = { repository: 'acme/shop' }
  await fresh.services.trusts.create({ issuer: server.issuer, userId: owner.id, scopes: ['orders:read'], match })
  const silent = await openSilentHost(t, '127.0.0.1')
  const slow = [0, 1, 2, 3].map(n =>
    fresh.app.inject(authorizeUrl({ id: silent.url(n), redirectUris: ['https://app.example.com/callback'] })),
  )
  await silent.waiting(4)
  const subject_token = await server.tokenFor(GITHUB, OURS)
  const params = { grant_type: TOKEN_EXCHANGE, subject_token, subject_token_type: JWT }
  const response = await form(fresh.app, '/oauth/token', params)
  t.equal(response.statusCode, 200, response.body)
  silent.close()
  await Promise.all(slow)
})

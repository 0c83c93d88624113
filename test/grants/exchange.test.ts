import t, { type Test } from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { actingAs, CATALOGUE, newUser, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { grantAccess, opens } from '../helpers/granted-tokens.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t, { catalogue: { ...CATALOGUE, inherit: true } })
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

type More = Record<string, string | string[]>
const exchange = (token: string, more: More = {}, headers = {}) => {
  return form(app, '/oauth/token', { ...exchangeOf(token), ...more }, headers)
}

const exchanged = async (t: Test, token: string, more: More = {}, headers = {}) => {
  const answer = await exchange(token, more, headers)
  t.equal(answer.statusCode, 200, answer.body)
  return answer.json()
}

const refuses = async (t: Test, error: string, token: string, more: More = {}, headers = {}) => {
  const answer = await exchange(token, more, headers)
  t.equal(answer.statusCode, 400, answer.body)
  t.match(answer.json(), { error, error_description: /^[\x20-\x7e]+$/ })
}

const gateway = async (settings = {}) => {
  const made = await services.clients.create({ name: 'gateway', grantTypes: [TOKEN_EXCHANGE], ...settings })
  return { id: made.client.id, headers: basic(made.client.id, made.secret) }
}

const scopesOf = async (token: string) =>
  (await requester(app, bearer(token)).get('/api/tokens/current')).json().data?.scopes

t.test('whoever holds a personal token trades it for a short-lived, narrower one', async t => {
  const { token, id, user } = await actingAs(services, ['orders:read', 'reports', 'tokens:read'])
  const answer = await exchange(token, { scope: 'reports:export' })
  t.equal(answer.headers['cache-control'], 'no-store')
  const { access_token, ...rest } = answer.json()
  const type = { issued_token_type: ACCESS_TOKEN, token_type: 'Bearer' }
  t.same(rest, { ...type, expires_in: 3600, scope: 'reports:export' })
  t.equal(await opens(app, access_token), 200)
  t.same(await scopesOf(access_token), ['reports:export'])
  t.equal(await opens(app, token), 200)
  const list = (await requester(app, bearer(token)).get('/api/tokens')).json().data
  t.match(list, [{ id }], 'what the user made is listed, and nothing else')
  t.equal(list.length, 1)
  const sql = `select details from audit_events where kind = 'token.issued' and user_id = ? and details ? 'exchanged_for'`
  t.match(await services.db.query(sql.replace("details ? '", "details \\? '"), [user.id]), [
    { details: { exchanged_for: id } },
  ])
})

t.test('without a scope it has those of its parent, * and all', async t => {
  const { token } = await actingAs(services, ['*'])
  t.equal((await exchanged(t, token)).scope, '*')
  t.equal((await exchanged(t, token, { scope: 'orders:create' })).scope, 'orders:create')
  await refuses(t, 'invalid_scope', token, { scope: 'no:such' })
  await refuses(t, 'invalid_scope', token, { scope: 'admin:read' })
})

t.test('wider is refused', async t => {
  const { token } = await actingAs(services, ['orders:read'])
  for (const scope of ['orders:create', 'orders:read orders:create', '*', 'no:such', 'tokens:write']) {
    await refuses(t, 'invalid_scope', token, { scope })
  }
})

t.test('it lives no longer than its parent', async t => {
  const user = await newUser(services)
  const expiresAt = new Date(Date.now() + 60_000)
  const { plainText } = await services.tokens.issuePersonal({ user, name: 'short', scopes: ['orders:read'], expiresAt })
  const { expires_in } = await exchanged(t, plainText)
  t.ok(expires_in > 50 && expires_in <= 60, `${expires_in}`)
})

t.test('it dies, is suspended and is narrowed with its parent, at once', async t => {
  const { user, token, id } = await actingAs(services, ['orders:read', 'tokens:read'])
  const child = (await exchanged(t, token)).access_token
  t.same(await scopesOf(child), ['orders:read', 'tokens:read'])
  t.equal((await requester(app, bearer(child)).get('/api/tokens')).statusCode, 200)
  await services.tokens.change(user, id, { scopes: ['orders:read', 'reports'] })
  t.same(await scopesOf(child), ['orders:read'], 'narrowed, and not widened')
  t.equal((await requester(app, bearer(child)).get('/api/tokens')).statusCode, 403)
  await services.tokens.change(user, id, { suspended: true })
  const refused = await requester(app, bearer(child)).get('/api/tokens/current')
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /exchanged for is suspended/)
  await services.tokens.change(user, id, { suspended: false })
  t.equal(await opens(app, child), 200)
  await services.tokens.revoke(user.id, id)
  t.equal(await opens(app, child), 401)
})

t.test('it ends when its parent is rotated, at once or after the overlap', async t => {
  for (const overlap of [0, 60]) {
    const { user, token, id } = await actingAs(services, ['orders:read'])
    const child = (await exchanged(t, token)).access_token
    t.equal(await opens(app, child), 200)
    await services.tokens.rotate(user, id, { overlapSeconds: overlap })
    const current = await requester(app, bearer(child)).get('/api/tokens/current')
    t.equal(current.statusCode, overlap === 0 ? 401 : 200)
    await expire(services.db, 'oauth_access_tokens', 'id = ?', [id])
    services.bus.applyRemote({ kind: 'everything' })
    t.equal(await opens(app, child), 401)
  }
})

t.test('it revokes itself alone, and is not exchanged again', async t => {
  const { token } = await actingAs(services, ['orders:read'])
  const child = (await exchanged(t, token)).access_token
  await refuses(t, 'invalid_request', child)
  t.equal((await requester(app, bearer(child)).delete('/api/tokens/current')).statusCode, 204)
  t.equal(await opens(app, child), 401)
  t.equal(await opens(app, token), 200)
})

t.test('formats and types', async t => {
  const opaque = (await actingAs(services, ['orders:read'], { format: 'opaque' })).token
  const signed = (await actingAs(services, ['orders:read'])).token
  const got = await exchanged(t, opaque, { requested_token_type: JWT })
  t.match(got, { issued_token_type: JWT, access_token: /^eyJ/ })
  await exchanged(t, signed, { subject_token_type: JWT, requested_token_type: ACCESS_TOKEN })
  await refuses(t, 'invalid_request', opaque, { subject_token_type: JWT })
  const refreshToken = 'urn:ietf:params:oauth:token-type:refresh_token'
  await refuses(t, 'invalid_request', signed, { subject_token_type: refreshToken })
  await refuses(t, 'invalid_request', signed, { subject_token_type: '' })
  await refuses(t, 'invalid_request', signed, { requested_token_type: refreshToken })
  await refuses(t, 'invalid_request', signed, { actor_token: signed, actor_token_type: ACCESS_TOKEN })
  await refuses(t, 'invalid_request', '')
})

t.test('a subject token that opens nothing gets nothing', async t => {
  const { token, user, id } = await actingAs(services, ['orders:read'])
  await refuses(t, 'invalid_request', 'garbage')
  await refuses(t, 'invalid_request', `${token}x`)
  await services.tokens.change(user, id, { suspended: true })
  await refuses(t, 'invalid_request', token)
  await services.tokens.revoke(user.id, id)
  await refuses(t, 'invalid_request', token)
  const granted = await grantAccess(services, user)
  await refuses(t, 'invalid_request', granted.refreshToken)
  await refuses(t, 'invalid_request', granted.accessToken, {})
})

t.test('a registered client trades what it was handed, within what it may have', async t => {
  const { token, user } = await actingAs(services, ['orders:read', 'orders:create', 'reports'])
  const { id, headers } = await gateway({ scopes: ['orders:read', 'reports:export'] })
  const { access_token, scope } = await exchanged(t, token, {}, headers)
  t.equal(scope, 'orders:read reports:export')
  const current = (await requester(app, bearer(access_token)).get('/api/tokens/current')).json()
  t.match(current, { data: { client_id: id } })
  await refuses(t, 'invalid_scope', token, { scope: 'orders:create' }, headers)
  await refuses(t, 'invalid_scope', token, { scope: 'tokens:read' }, headers)
  const granted = await grantAccess(services, user)
  await exchanged(t, granted.accessToken, {}, headers)
  await services.clients.revoke(id)
  t.equal(await opens(app, access_token), 401)
  t.equal(await opens(app, token), 200)
})

t.test('* is not handed on to a client', async t => {
  const { token } = await actingAs(services, ['*'])
  const { headers } = await gateway()
  await refuses(t, 'invalid_scope', token, { scope: '*' }, headers)
  const { scope } = await exchanged(t, token, {}, headers)
  t.notMatch(scope, /[*]|admin/)
  t.match(scope, /^orders:read orders:create/)
})

t.test("revoking the client of the parent ends another client's token too", async t => {
  const granted = await grantAccess(services, await newUser(services))
  const { headers } = await gateway()
  const child = (await exchanged(t, granted.accessToken, {}, headers)).access_token
  t.equal(await opens(app, child), 200)
  await services.clients.revoke(granted.client.id)
  t.equal(await opens(app, child), 401)
})

t.test('another resource is for clients that an operator allowed it', async t => {
  const { token } = await actingAs(services, ['orders:read'])
  const audience = 'https://reports.example'
  await services.clients.create({ name: 'reports', audience })
  const { headers } = await gateway({ exchangeAudiences: [audience] })
  const unnamed = { id: '', headers: {} }
  for (const client of [unnamed, await gateway(), await gateway({ exchangeAudiences: ['https://other.example'] })]) {
    for (const target of [{ resource: audience }, { audience }, { resource: [audience, services.config.audience] }]) {
      await refuses(t, 'invalid_target', token, target, client.headers)
    }
  }
  // A public client of a user, or one that registered itself: whoever holds a stolen token could have made it.
  const registrationHash = Buffer.alloc(32, 1)
  for (const owner of [{ userId: (await newUser(services)).id }, { registrationHash }, {}]) {
    const made = await services.clients.create({ name: 'x', public: true, grantTypes: [TOKEN_EXCHANGE], ...owner })
    await refuses(t, 'invalid_target', token, { client_id: made.client.id, resource: audience })
    await t.rejects(services.clients.update(made.client.id, { exchangeAudiences: [audience] }), /exchange_audiences/)
    await exchanged(t, token, { client_id: made.client.id })
  }
  await refuses(t, 'invalid_target', token, { resource: audience })
  await refuses(t, 'invalid_target', token, { audience })
  await refuses(t, 'invalid_target', token, { resource: 'https://no.such' }, headers)
  await refuses(t, 'invalid_target', token, { resource: audience, audience: 'https://no.such' }, headers)
  for (const target of [{ resource: audience }, { audience }, { resource: audience, audience }]) {
    const { access_token } = await exchanged(t, token, target, headers)
    t.match(JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString()), { aud: audience })
    t.equal(await opens(app, access_token), 401, 'it is not for this server')
  }
  await exchanged(t, token, { resource: services.config.audience })
})

t.test('a client that may not, and one that does not prove who it is', async t => {
  const { token } = await actingAs(services, ['orders:read'])
  const granted = await grantAccess(services, await newUser(services))
  await refuses(t, 'unauthorized_client', token, {}, granted.headers)
  const { id } = await gateway()
  t.equal((await exchange(token, { client_id: id })).statusCode, 401)
  t.equal((await exchange(token, { client_secret: 'x' })).statusCode, 401)
  const personal = await services.clients.personalAccess()
  t.equal((await exchange(token, { client_id: personal.id })).statusCode, 401)
  await refuses(t, 'invalid_request', granted.accessToken, {})
})

t.test("a user's token without a client is for the exchange alone", async t => {
  const { token } = await actingAs(services, ['orders:read'])
  const answer = await form(app, '/oauth/token', { grant_type: 'client_credentials', subject_token: token })
  t.equal(answer.statusCode, 401)
})

import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { unavailable } from '../../src/errors/errors.ts'
import { actingAs, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'
import { basic, form } from '../helpers/oauth.ts'

async function machine({ app, services }: TestApp, settings: Partial<NewClient> = {}) {
  const { client, secret } = await services.clients.create({ name: 'nightly', scopes: ['orders:read'], ...settings })
  const headers = basic(client.id, secret)
  const token = async (): Promise<string> =>
    (await form(app, '/oauth/token', { grant_type: 'client_credentials' }, headers)).json().access_token
  return { client, headers, token }
}

t.test('revocation', async t => {
  const at = await testApp(t)
  const { app, services } = at
  const revoke = (params: Record<string, string | string[] | undefined>, headers: Record<string, string> = {}) =>
    form(app, '/oauth/revoke', params, headers)

  const events = (clientId: string) => services.auditLog.list({ clientId, kind: 'token.revoked' }, { limit: 10 })

  for (const tokenFormat of ['jwt', 'opaque'] as const) {
    t.test(`an access token, ${tokenFormat}, once and twice`, async t => {
      const { headers, token, client } = await machine(at, { tokenFormat })
      const [one, other] = [await token(), await token()]
      t.equal(await opens(app, one), 200)
      const answer = await revoke({ token: one, token_type_hint: 'refresh_token' }, headers)
      t.strictSame([answer.statusCode, answer.body], [200, '{}'], 'a wrong hint is only a hint')
      t.equal(answer.headers['cache-control'], 'no-store')
      t.equal(await opens(app, one), 401)
      t.equal(await opens(app, other), 200, 'and nothing else')
      t.equal((await revoke({ token: one }, headers)).statusCode, 200)
      const written = await events(client.id)
      t.equal(written.length, 1, 'written down once')
      t.match(written[0], { actorClientId: client.id, address: '127.0.0.1' })
    })

    t.test(`a token of another client, ${tokenFormat}, lives on`, async t => {
      const owner = await machine(at, { tokenFormat })
      const thief = await machine(at)
      const api = await machine(at, { audience: `https://${tokenFormat}.example.com` })
      const token = await owner.token()
      for (const { headers } of [thief, api]) {
        const answer = await revoke({ token }, headers)
        t.strictSame([answer.statusCode, answer.json().error], [400, 'invalid_grant'])
      }
      t.equal(await opens(app, token), 200)
    })
  }

  t.test('revoking a refresh token revokes its access tokens', async t => {
    const granted = await grantAccess(services, await newUser(services))
    const next = (await refresh(app, granted)).json()
    t.equal(await opens(app, next.access_token), 200)
    const thief = await machine(at)
    const stolen = await revoke({ token: next.refresh_token }, thief.headers)
    t.strictSame([stolen.statusCode, stolen.json().error], [400, 'invalid_grant'])
    t.equal(await opens(app, next.access_token), 200)

    const hint = { token_type_hint: 'no_such_type' }
    t.equal((await revoke({ token: next.refresh_token, ...hint }, granted.headers)).statusCode, 200)
    t.equal(await opens(app, next.access_token), 401)
    const again = await refresh(app, { ...granted, refreshToken: next.refresh_token })
    t.strictSame([again.statusCode, again.json().error], [400, 'invalid_grant'])
    t.equal((await revoke({ token: next.refresh_token }, granted.headers)).statusCode, 200, 'twice')
  })

  t.test('a rotated refresh token revokes its family', async t => {
    const granted = await grantAccess(services, await newUser(services))
    const next = (await refresh(app, granted)).json()
    t.equal((await revoke({ token: granted.refreshToken }, granted.headers)).statusCode, 200)
    t.equal(await opens(app, next.access_token), 401)
    t.equal((await refresh(app, { ...granted, refreshToken: next.refresh_token })).statusCode, 400)
  })

  t.test('revoking an access token revokes its refresh token', async t => {
    const user = await newUser(services)
    const granted = await grantAccess(services, user)
    const sibling = await grantAccess(services, user)
    t.equal((await revoke({ token: granted.accessToken }, granted.headers)).statusCode, 200)
    t.equal((await refresh(app, granted)).statusCode, 400)
    t.equal(await opens(app, sibling.accessToken), 200, 'what the user gave another app lives on')
  })

  t.test('revoking a refresh token without a live access token is audited', async t => {
    const granted = await grantAccess(services, await newUser(services))
    const [token] = await services.db.query<{ id: string }>(
      'update oauth_access_tokens set revoked = true where client_id = ? returning id',
      [granted.client.id],
    )
    t.ok(token)
    t.equal((await revoke({ token: granted.refreshToken }, granted.headers)).statusCode, 200)
    t.match(await events(granted.client.id), [{ details: { grant: granted.grant } }])
  })

  t.test('a public client identifies itself by its client_id', async t => {
    const user = await newUser(services)
    const granted = await grantAccess(services, user, { public: true })
    const { client: other } = await services.clients.create({ name: 'other app', public: true })
    const taken = await revoke({ token: granted.refreshToken, client_id: other.id })
    t.strictSame([taken.statusCode, taken.json().error], [400, 'invalid_grant'])
    t.equal(await opens(app, granted.accessToken), 200)
    t.equal((await revoke({ token: granted.refreshToken, client_id: granted.client.id })).statusCode, 200)
    t.equal(await opens(app, granted.accessToken), 401)
  })

  t.test('a personal access token cannot be revoked by a client', async t => {
    const { headers } = await machine(at)
    for (const format of ['jwt', 'opaque'] as const) {
      const { token } = await actingAs(services, [], { format })
      const personal = (await services.clients.personalAccess()).id
      for (const [params, by] of [
        [{ token }, headers],
        [{ token }, {}],
        [{ token, client_id: personal }, {}],
      ] as const) {
        const answer = await revoke(params, by)
        t.ok(answer.statusCode === 400 || answer.statusCode === 401)
        if (!('client_id' in params)) t.match(answer.json().error_description, 'DELETE /api/tokens/current')
      }
      t.equal(await opens(app, token), 200)
    }
  })

  t.test('an unknown token counts as revoked', async t => {
    const { headers } = await machine(at)
    const { token } = await actingAs(services)
    for (const text of [
      'garbage',
      `${token}x`,
      `post_${'a'.repeat(40)}000000`,
      `postr_${'a'.repeat(43)}`,
      'x'.repeat(9_000),
    ]) {
      const answer = await revoke({ token: text }, headers)
      t.strictSame([answer.statusCode, answer.body], [200, '{}'])
    }
  })

  t.test('invalid requests are rejected', async t => {
    const { headers, client, token: issue } = await machine(at)
    const token = await issue()
    const refused = async (params: Record<string, string | string[]>, by: Record<string, string> = {}) => {
      const answer = await revoke(params, by)
      return [answer.statusCode, answer.json().error]
    }
    t.strictSame(await refused({ token }), [401, 'invalid_client'], 'no client')
    t.strictSame(await refused({ token, client_id: client.id }), [401, 'invalid_client'], 'no secret')
    t.strictSame(await refused({ token }, basic(client.id, 'wrong')), [401, 'invalid_client'], 'wrong secret')
    t.strictSame(await refused({}, headers), [400, 'invalid_request'], 'no token')
    t.strictSame(await refused({ token: [token, 'x'] }, headers), [400, 'invalid_request'], 'two tokens')
    const get = await app.inject({ url: `/oauth/revoke?token=${token}`, headers })
    t.equal(get.statusCode, 405)
    t.equal(await opens(app, token), 200)
  })
})

t.test('without a database: 503, and never a false 200', async t => {
  const at = await testApp(t)
  const { app, services } = at
  const { headers, token: issue } = await machine(at)
  const token = await issue()
  const granted = await grantAccess(services, await newUser(services))
  const revoke = (text: string, by: Record<string, string>) => form(app, '/oauth/revoke', { token: text }, by)
  t.equal((await revoke('garbage', headers)).statusCode, 200, 'the clients are known')
  t.equal((await revoke('garbage', granted.headers)).statusCode, 200)
  t.equal(await opens(app, token), 200)

  const away = async () => {
    throw unavailable()
  }
  Object.assign(services.db, { run: away, query: away, call: away, transaction: away })
  for (const [text, by] of [
    [token, headers],
    [granted.refreshToken, granted.headers],
    [granted.accessToken, granted.headers],
  ] as const) {
    const answer = await revoke(text, by)
    t.strictSame([answer.statusCode, answer.json().error], [503, 'temporarily_unavailable'])
    t.ok(answer.headers['retry-after'])
  }
})

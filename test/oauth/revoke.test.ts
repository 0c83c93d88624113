import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { unavailable } from '../../src/errors/errors.ts'
import { actingAs, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { letIn, opens, refresh } from '../helpers/family.ts'
import { basic, form } from '../helpers/oauth.ts'

async function machine({ app, house }: TestApp, settings: Partial<NewClient> = {}) {
  const { client, secret } = await house.clients.create({ name: 'nightly', scopes: ['orders:read'], ...settings })
  const headers = basic(client.id, secret)
  const token = async (): Promise<string> =>
    (await form(app, '/oauth/token', { grant_type: 'client_credentials' }, headers)).json().access_token
  return { client, headers, token }
}

t.test('revocation', async t => {
  const at = await testApp(t)
  const { app, house } = at
  const revoke = (params: Record<string, string | string[] | undefined>, headers: Record<string, string> = {}) =>
    form(app, '/oauth/revoke', params, headers)

  const events = (clientId: string) => house.trail.list({ clientId, kind: 'token.revoked' }, { limit: 10 })

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

  t.test('a refresh token takes its access tokens along', async t => {
    const held = await letIn(house, await newUser(house))
    const next = (await refresh(app, held)).json()
    t.equal(await opens(app, next.access_token), 200)
    const thief = await machine(at)
    const stolen = await revoke({ token: next.refresh_token }, thief.headers)
    t.strictSame([stolen.statusCode, stolen.json().error], [400, 'invalid_grant'])
    t.equal(await opens(app, next.access_token), 200)

    const hint = { token_type_hint: 'no_such_type' }
    t.equal((await revoke({ token: next.refresh_token, ...hint }, held.headers)).statusCode, 200)
    t.equal(await opens(app, next.access_token), 401)
    const again = await refresh(app, { ...held, refreshToken: next.refresh_token })
    t.strictSame([again.statusCode, again.json().error], [400, 'invalid_grant'])
    t.equal((await revoke({ token: next.refresh_token }, held.headers)).statusCode, 200, 'twice')
  })

  t.test('a rotated refresh token still names its family', async t => {
    const held = await letIn(house, await newUser(house))
    const next = (await refresh(app, held)).json()
    t.equal((await revoke({ token: held.refreshToken }, held.headers)).statusCode, 200)
    t.equal(await opens(app, next.access_token), 401)
    t.equal((await refresh(app, { ...held, refreshToken: next.refresh_token })).statusCode, 400)
  })

  t.test('an access token takes its refresh token along', async t => {
    const user = await newUser(house)
    const held = await letIn(house, user)
    const sibling = await letIn(house, user)
    t.equal((await revoke({ token: held.accessToken }, held.headers)).statusCode, 200)
    t.equal((await refresh(app, held)).statusCode, 400)
    t.equal(await opens(app, sibling.accessToken), 200, 'what the user gave another app lives on')
  })

  t.test('a refresh token whose access token has died leaves a trace too', async t => {
    const held = await letIn(house, await newUser(house))
    const [token] = await house.db.query<{ id: string }>(
      'update oauth_access_tokens set revoked = true where client_id = ? returning id',
      [held.client.id],
    )
    t.ok(token)
    t.equal((await revoke({ token: held.refreshToken }, held.headers)).statusCode, 200)
    t.match(await events(held.client.id), [{ details: { grant: held.grant } }])
  })

  t.test('a public client says who it is, and no more', async t => {
    const user = await newUser(house)
    const held = await letIn(house, user, { public: true })
    const { client: other } = await house.clients.create({ name: 'other app', public: true })
    const taken = await revoke({ token: held.refreshToken, client_id: other.id })
    t.strictSame([taken.statusCode, taken.json().error], [400, 'invalid_grant'])
    t.equal(await opens(app, held.accessToken), 200)
    t.equal((await revoke({ token: held.refreshToken, client_id: held.client.id })).statusCode, 200)
    t.equal(await opens(app, held.accessToken), 401)
  })

  t.test('a personal access token is its holder’s', async t => {
    const { headers } = await machine(at)
    for (const format of ['jwt', 'opaque'] as const) {
      const { token } = await actingAs(house, [], { format })
      const personal = (await house.clients.personalAccess()).id
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

  t.test('what names no token is as good as revoked', async t => {
    const { headers } = await machine(at)
    const { token } = await actingAs(house)
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

  t.test('how not to ask', async t => {
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

t.test('a database that is away: 503, and never a false 200', async t => {
  const at = await testApp(t)
  const { app, house } = at
  const { headers, token: issue } = await machine(at)
  const token = await issue()
  const held = await letIn(house, await newUser(house))
  const revoke = (text: string, by: Record<string, string>) => form(app, '/oauth/revoke', { token: text }, by)
  t.equal((await revoke('garbage', headers)).statusCode, 200, 'the clients are known')
  t.equal((await revoke('garbage', held.headers)).statusCode, 200)
  t.equal(await opens(app, token), 200)

  const away = async () => {
    throw unavailable()
  }
  Object.assign(house.db, { run: away, query: away, call: away, transaction: away })
  for (const [text, by] of [
    [token, headers],
    [held.refreshToken, held.headers],
    [held.accessToken, held.headers],
  ] as const) {
    const answer = await revoke(text, by)
    t.strictSame([answer.statusCode, answer.json().error], [503, 'temporarily_unavailable'])
    t.ok(answer.headers['retry-after'])
  }
})

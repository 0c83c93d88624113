import t, { type Test } from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, type TestApp, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { expire } from '../helpers/expiry.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'
import { basic, form } from '../helpers/oauth.ts'

const CALLBACK = 'https://app.example/cb'
const { app, services } = await testApp(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)

async function newClient(input: Partial<NewClient> = {}, { services: of }: Pick<TestApp, 'services'> = { services }) {
  const { client, secret } = await of.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], ...input })
  return { client, headers: secret ? basic(client.id, secret) : undefined }
}
type Client = Awaited<ReturnType<typeof newClient>>
const calendar = await newClient()

/** A code that a person gave, and the request that redeems it. */
async function given({ client }: Client, asked: Parameters<typeof authorizeUrl>[1] = {}, by = browser) {
  const { verifier, challenge } = pkce()
  const location = await by.approve(authorizeUrl(client, { prompt: 'consent', challenge, ...asked }))
  const code = location.searchParams.get('code') as string
  return {
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.redirectUris[0] as string,
    code_verifier: verifier,
  }
}

const redeem = ({ client, headers }: Client, request: Record<string, string | undefined>, at = app) =>
  form(at, '/oauth/token', headers ? request : { ...request, client_id: client.id }, headers)

t.test('a code is traded for tokens', async t => {
  t.test('that carry what the person let the client have', async t => {
    const got = await redeem(calendar, await given(calendar, { scope: 'reports orders:read' }))
    t.equal(got.statusCode, 200)
    t.equal(got.headers['cache-control'], 'no-store')
    t.match(got.json(), { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read reports', refresh_token: String })
    const headers = { authorization: `Bearer ${got.json().access_token}` }
    t.match((await app.inject({ url: '/api/user', headers })).json(), { data: { id: user.id } })
    t.match((await app.inject({ url: '/api/tokens/current', headers })).json(), {
      data: { client_id: calendar.client.id, scopes: ['orders:read', 'reports'] },
    })
  })

  t.test('by the defaults where no scope was asked for', async t => {
    t.match((await redeem(calendar, await given(calendar))).json(), { scope: 'orders:read' })
  })

  t.test('by a public client, with the verifier alone', async t => {
    const native = await newClient({ public: true, redirectUris: ['http://127.0.0.1/cb'] })
    const asked = await given(native, { redirect_uri: 'http://127.0.0.1:5000/cb' })
    t.match((await redeem(native, { ...asked, redirect_uri: 'http://127.0.0.1:5001/cb' })).json(), {
      error: 'invalid_grant',
    })
    const again = await given(native, { redirect_uri: 'http://127.0.0.1:5000/cb' })
    t.equal((await redeem(native, { ...again, redirect_uri: 'http://127.0.0.1:5000/cb' })).statusCode, 200)
  })

  t.test('without a refresh token for a client that may not have one', async t => {
    const once = await newClient({ grantTypes: ['authorization_code'] })
    t.notOk('refresh_token' in (await redeem(once, await given(once))).json())
  })

  t.test('of the format and lifetime of the client, for the resource that was asked for', async t => {
    const audience = 'https://orders.example'
    await services.clients.create({ name: 'orders', audience })
    const opaque = await newClient({ tokenFormat: 'opaque' })
    const got = await redeem(opaque, { ...(await given(opaque)) })
    t.match(got.json().access_token, /^post_/)
    const jwt = (await redeem(calendar, await given(calendar, { resource: audience }))).json().access_token
    t.match(JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString()), { aud: audience, sub: user.id })
    const again = { ...(await given(calendar, { resource: audience })), resource: audience }
    t.equal((await redeem(calendar, again)).statusCode, 200, 'which may be named again')
    const narrower = { ...(await given(calendar)), resource: audience }
    const [, claims = ''] = (await redeem(calendar, narrower)).json().access_token.split('.')
    t.match(JSON.parse(Buffer.from(claims, 'base64url').toString()), { aud: audience }, 'a code for every API')
    const other = { ...(await given(calendar, { resource: audience })), resource: services.config.audience }
    t.match((await redeem(calendar, other)).json(), { error: 'invalid_target' })
  })

  t.test('and the trail says so', async t => {
    const watched = await newClient()
    const { access_token } = (await redeem(watched, await given(watched))).json()
    const id = (
      await app.inject({ url: '/api/tokens/current', headers: { authorization: `Bearer ${access_token}` } })
    ).json().data.id
    const trail = await services.auditLog.list({ clientId: watched.client.id }, { limit: 9 })
    t.match(
      trail.map(({ kind }) => kind),
      ['token.issued', 'consent.granted', 'client.created'],
    )
    t.match(trail[0], { tokenId: id, userId: user.id, actorClientId: watched.client.id })
  })
})

t.test('a code is refused', async t => {
  const refused = async (t: Test, request: Record<string, string | undefined>, error: string, of = calendar) => {
    const got = await redeem(of, request)
    t.equal(got.statusCode, 400)
    t.match(got.json(), { error })
    t.notOk('access_token' in got.json())
  }

  t.test('to another client, and lives on for its own', async t => {
    const request = await given(calendar)
    await refused(t, request, 'invalid_grant', await newClient())
    await refused(t, request, 'invalid_grant', await newClient({ public: true }))
    t.equal((await redeem(calendar, request)).statusCode, 200)
  })

  t.test('for another redirect URI', async t => {
    const two = await newClient({ redirectUris: [CALLBACK, 'https://app.example/other'] })
    const request = await given(two)
    await refused(t, { ...request, redirect_uri: 'https://app.example/other' }, 'invalid_grant', two)
    await refused(t, request, 'invalid_grant', two)
  })

  t.test('with a wrong verifier, and is dead from then on', async t => {
    for (const code_verifier of [pkce().verifier, '', 'x', undefined]) {
      const request = await given(calendar)
      await refused(t, { ...request, code_verifier }, 'invalid_grant')
      await refused(t, request, 'invalid_grant')
    }
    const request = await given(calendar)
    await refused(t, { ...request, code_verifier: pkce(request.code_verifier).challenge }, 'invalid_grant')
  })

  t.test('when it has expired', async t => {
    const slow = await newClient()
    const request = await given(slow)
    await expire(services.db, 'oauth_auth_codes', 'client_id = ?', [slow.client.id])
    await refused(t, request, 'invalid_grant', slow)
  })

  t.test('when it is none', async t => {
    const request = await given(calendar)
    await refused(t, { ...request, code: 'x' }, 'invalid_grant')
    await refused(t, { ...request, code: `${request.code}x` }, 'invalid_grant')
    await refused(t, { ...request, code: undefined }, 'invalid_request')
    await refused(t, { ...request, code: '' }, 'invalid_request')
    await refused(t, { ...request, redirect_uri: undefined }, 'invalid_request')
    t.equal((await redeem(calendar, request)).statusCode, 200)
  })

  t.test('when the user was disabled meanwhile', async t => {
    const leaving = await newUser(services)
    const by = new Browser(app)
    await by.signIn(leaving)
    const request = await given(calendar, {}, by)
    await services.users.disable(leaving.id)
    await refused(t, request, 'invalid_grant')
  })

  t.test('when the user took back what was let in, or signed out everywhere', async t => {
    const person = await newUser(services)
    const by = new Browser(app)
    await by.signIn(person)
    const withdrawn = await given(calendar, {}, by)
    await services.authorizations.withdraw(person.id, calendar.client.id)
    await refused(t, withdrawn, 'invalid_grant')
    const ended = await given(calendar, {}, by)
    await services.signOut(person.id)
    await refused(t, ended, 'invalid_grant')
  })

  t.test('when the client was revoked meanwhile', async t => {
    const gone = await newClient()
    const request = await given(gone)
    await services.clients.revoke(gone.client.id)
    t.equal((await redeem(gone, request)).statusCode, 401)
  })

  t.test('as far as the client lost a scope meanwhile', async t => {
    const shrinking = await newClient({ scopes: ['orders:read', 'reports'] })
    const request = await given(shrinking, { scope: 'orders:read reports' })
    await services.clients.update(shrinking.client.id, { scopes: ['reports'] })
    t.match((await redeem(shrinking, request)).json(), { scope: 'reports' })
  })
})

t.test('a code that comes back', async t => {
  t.test('is refused, and what it gave dies', async t => {
    const request = await given(calendar)
    const bystander = (await redeem(calendar, await given(calendar))).json()
    const { access_token, refresh_token } = (await redeem(calendar, request)).json()
    t.equal(await opens(app, access_token), 200)
    const replayed = await redeem(calendar, request)
    t.equal(replayed.statusCode, 400)
    t.match(replayed.json(), { error: 'invalid_grant' })
    t.equal(await opens(app, access_token), 401)
    t.match((await redeem(calendar, { grant_type: 'refresh_token', refresh_token })).json(), { error: 'invalid_grant' })
    t.equal(await opens(app, bystander.access_token), 200, 'and nothing else')
    const [event] = await services.auditLog.list({ kind: 'token.reused' }, { limit: 1 })
    t.match(event, { userId: user.id, clientId: calendar.client.id })
    t.notMatch(JSON.stringify(event), request.code)
  })

  t.test('takes along what was refreshed since', async t => {
    const request = await given(calendar)
    const { refresh_token } = (await redeem(calendar, request)).json()
    const later = (await redeem(calendar, { grant_type: 'refresh_token', refresh_token })).json()
    t.equal(await opens(app, later.access_token), 200)
    await redeem(calendar, request)
    t.equal(await opens(app, later.access_token), 401)
  })

  t.test('from somebody who has no more than the code ends nothing', async t => {
    const native = await newClient({ public: true })
    const request = await given(native)
    const { access_token } = (await redeem(native, request)).json()
    for (const code_verifier of [pkce().verifier, undefined]) {
      t.match((await redeem(native, { ...request, code_verifier })).json(), { error: 'invalid_grant' })
    }
    t.match((await redeem(await newClient(), request)).json(), { error: 'invalid_grant' })
    t.equal(await opens(app, access_token), 200)
  })
})

t.test('of several who redeem a code at once, on two servers, one succeeds', async t => {
  const [one, two] = await testNodes(t)
  const by = new Browser(one.app)
  await by.signIn(await newUser(one.services))
  const client = await newClient({}, one)
  for (let round = 0; round < 5; round++) {
    const request = await given(client, {}, by)
    const tries = Array.from({ length: 20 }, (_, i) => redeem(client, request, (i % 2 ? one : two).app))
    const answers = await Promise.all(tries)
    t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
    t.strictSame(
      new Set(answers.filter(a => a.statusCode !== 200).map(a => a.json().error)),
      new Set(['invalid_grant']),
    )
    const [row] = await one.services.db.query<{ count: string }>(
      'select count(*) from oauth_access_tokens where client_id = ? and not revoked',
      [client.client.id],
    )
    t.equal(Number(row?.count), 0, 'the others were replays')
  }
})

t.test('the code is nowhere in the database', async t => {
  const { code } = await given(calendar)
  const rows = await services.db.query('select c::text as row from oauth_auth_codes c')
  t.ok(rows.length > 0)
  t.notMatch(JSON.stringify(rows), code)
})

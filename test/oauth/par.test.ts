import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser, locationOf, pkce } from '../helpers/browser.ts'
import { expire } from '../helpers/expiry.ts'
import { basic, form } from '../helpers/oauth.ts'

const CALLBACK = 'https://app.example/cb'
const { app, services } = await testApp(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)

async function newClient(input: Partial<NewClient> = {}) {
  const { client, secret } = await services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], ...input })
  return { client, headers: secret ? basic(client.id, secret) : undefined }
}
type Client = Awaited<ReturnType<typeof newClient>>
const calendar = await newClient()

const { verifier, challenge } = pkce()
const standard = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  code_challenge: challenge,
  code_challenge_method: 'S256',
}

const push = ({ client, headers }: Client, params: Record<string, string | string[] | undefined> = {}) =>
  form(app, '/oauth/par', { ...standard, ...(headers ? {} : { client_id: client.id }), ...params }, headers)

const urlOf = (id: string, request_uri: string, more: Record<string, string> = {}) =>
  `/oauth/authorize?${new URLSearchParams({ client_id: id, request_uri, ...more })}`

async function pushed(client = calendar, params: Record<string, string> = {}) {
  const { request_uri } = (await push(client, params)).json()
  return urlOf(client.client.id, request_uri)
}

t.test('a pushed request', async t => {
  t.test('gets the same response as one in the URL', async t => {
    const answer = await push(calendar, { state: 's', scope: 'reports' })
    t.equal(answer.statusCode, 201)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.match(answer.json(), { request_uri: /^urn:ietf:params:oauth:request_uri:[\w-]{43}$/, expires_in: 90 })
    const location = await browser.approve(urlOf(calendar.client.id, answer.json().request_uri))
    t.equal(location.searchParams.get('state'), 's')
    const code = location.searchParams.get('code') as string
    const request = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
    t.match((await form(app, '/oauth/token', request, calendar.headers)).json(), { scope: 'reports' })
  })

  t.test('can be required of a client', async t => {
    const strict = await newClient({ requirePushedRequests: true })
    const { id } = strict.client
    const plain = `/oauth/authorize?${new URLSearchParams({ ...standard, client_id: id, state: 's' })}`
    for (const someone of [browser, new Browser(app)]) {
      const refused = await someone.get(plain)
      t.equal(refused.statusCode, 400, 'also of whoever has to sign in first')
      t.match(refused.body, 'push its authorization requests')
    }
    t.ok((await browser.approve(await pushed(strict))).searchParams.get('code'))
    const visitor = new Browser(app)
    t.equal((await visitor.get(await pushed(strict))).statusCode, 303, 'and nobody is signed in yet')
    await services.clients.update(id, { requirePushedRequests: false })
    const kept = locationOf(await new Browser(app).get(plain))
    await services.clients.update(id, { requirePushedRequests: true })
    const next = kept.searchParams.get('next') ?? ''
    t.equal((await browser.get(next)).statusCode, 400, 'one that is only kept here was not pushed')
    await services.clients.update(id, { requirePushedRequests: false })
    t.not((await browser.get(plain)).statusCode, 400)
  })

  t.test('overrides all other parameters of the browser', async t => {
    const { request_uri } = (await push(calendar, { scope: 'reports', prompt: 'consent' })).json()
    const more = { scope: 'orders:create', state: 'evil', redirect_uri: 'https://evil.example', prompt: 'none' }
    const page = await browser.get(urlOf(calendar.client.id, request_uri, more))
    t.equal(page.statusCode, 200)
    t.match(page.body, 'See reports')
    t.notMatch(page.body, /Place orders|<bdi>evil/)
  })

  t.test('can be used for one response', async t => {
    const url = await pushed(calendar, { prompt: 'consent' })
    const page = await browser.get(url)
    const reloaded = await browser.get(url)
    t.equal(reloaded.statusCode, 200, 'a page may be loaded again')
    t.ok(locationOf(await browser.submit(page, { decision: 'approve' }, /consent$/)).searchParams.has('code'))
    for (const again of [await browser.get(url), await browser.submit(reloaded, { decision: 'approve' }, /consent$/)]) {
      t.equal(again.statusCode, 400)
      t.notOk(again.headers.location)
    }
    const refused = await pushed(calendar, { prompt: 'consent' })
    await browser.submit(await browser.get(refused), { decision: 'deny' }, /consent$/)
    t.equal((await browser.get(refused)).statusCode, 400)
    const remembered = await pushed(calendar, { scope: 'reports' })
    t.ok(locationOf(await browser.get(remembered)).searchParams.has('code'))
    t.equal((await browser.get(remembered)).statusCode, 400)
  })

  t.test('accepts one of two concurrent decisions', async t => {
    const page = await browser.get(await pushed(calendar, { prompt: 'consent' }))
    const answers = [1, 2, 3, 4].map(() => browser.submit(page, { decision: 'approve' }, /consent$/))
    t.strictSame((await Promise.all(answers)).map(a => a.statusCode).sort(), [303, 400, 400, 400])
  })

  t.test('is kept while the user signs in', async t => {
    const url = await pushed(calendar, { prompt: 'login', state: 's' })
    const there = locationOf(await browser.get(url))
    t.equal(there.pathname, '/login', 'which it may insist on')
    const page = await browser.get(there.pathname + there.search)
    t.match(page.body, 'Calendar')
    const back = await browser.submit(page, { email: user.email, password: 'correct horse battery' }, /login$/)
    const next = await browser.get(String(back.headers.location))
    t.equal(locationOf(next).searchParams.get('state'), 's', 'and once is enough')
  })

  t.test('expires when it is not used', async t => {
    const slow = await newClient()
    const url = await pushed(slow)
    await expire(services.db, 'oauth_pushed_requests', 'client_id = ?', [slow.client.id])
    t.equal((await browser.get(url)).statusCode, 400)
  })

  t.test('is rejected for another client', async t => {
    const { request_uri } = (await push(calendar)).json()
    const page = await browser.get(urlOf((await newClient()).client.id, request_uri))
    t.equal(page.statusCode, 400)
    t.notOk(page.headers.location)
    const [without] = (await pushed()).split('?client_id=')
    t.equal((await browser.get(`${without}?request_uri=${encodeURIComponent(request_uri)}`)).statusCode, 400)
  })

  t.test('must exist', async t => {
    for (const uri of [
      'https://evil.example/request',
      'urn:ietf:params:oauth:request_uri:',
      'x',
      `${'x'.repeat(43)}`,
    ]) {
      t.equal((await browser.get(urlOf(calendar.client.id, uri))).statusCode, 400, uri)
    }
  })

  t.test('is accepted from a public client without authentication', async t => {
    const native = await newClient({ public: true })
    const page = await browser.get(await pushed(native))
    t.equal(page.statusCode, 200)
    t.match(page.body, 'Authorize Calendar?')
    t.notMatch(page.body, /another program/i, 'whose https address no other program answers at')
  })
})

t.test('a push is rejected', async t => {
  const refused = async (answer: ReturnType<typeof push>, status: number, error: string) => {
    const { statusCode, headers, ...rest } = await answer
    t.equal(statusCode, status)
    t.match(headers['content-type'], 'application/json')
    t.match(rest.json(), { error })
  }

  t.test('without client authentication', async () => {
    const { id } = calendar.client
    await refused(form(app, '/oauth/par', { ...standard, client_id: id }), 401, 'invalid_client')
    await refused(form(app, '/oauth/par', standard, basic(id, 'wrong')), 401, 'invalid_client')
    await refused(form(app, '/oauth/par', standard), 401, 'invalid_client')
  })

  t.test('immediately, for every error of the authorization endpoint', async () => {
    await refused(push(calendar, { response_type: 'token' }), 400, 'unsupported_response_type')
    await refused(push(calendar, { response_type: undefined }), 400, 'invalid_request')
    await refused(push(calendar, { redirect_uri: 'https://evil.example' }), 400, 'invalid_request')
    await refused(push(calendar, { redirect_uri: undefined }), 400, 'invalid_request')
    await refused(push(calendar, { code_challenge: undefined }), 400, 'invalid_request')
    await refused(push(calendar, { code_challenge_method: 'plain' }), 400, 'invalid_request')
    await refused(push(calendar, { scope: 'nope' }), 400, 'invalid_scope')
    await refused(push(calendar, { resource: 'https://nobody.example' }), 400, 'invalid_target')
    await refused(push(calendar, { scope: ['a', 'b'] }), 400, 'invalid_request')
    await refused(push(calendar, { request_uri: 'urn:x' }), 400, 'invalid_request')
    await refused(push(calendar, { client_id: (await newClient()).client.id }), 400, 'invalid_request')
    await refused(push(await newClient({ grantTypes: ['client_credentials'] })), 400, 'unauthorized_client')
  })

  t.test('by another method', async t => {
    t.equal((await app.inject('/oauth/par')).statusCode, 405)
  })
})

t.test('no secret is stored with it', async t => {
  const { client, secret } = await services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK] })
  const state = 'only the app and its browser know it'
  const params = { ...standard, client_id: client.id, client_secret: secret, state }
  const { request_uri } = (await form(app, '/oauth/par', params)).json()
  const rows = JSON.stringify(await services.db.query('select p::text as row from oauth_pushed_requests p'))
  t.match(rows, client.id)
  t.notMatch(rows, secret as string)
  t.notMatch(rows, request_uri.split(':').at(-1))
  t.notMatch(rows, state)
  t.notMatch(rows, challenge)
})

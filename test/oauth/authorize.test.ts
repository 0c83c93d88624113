import t, { type Test } from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, locationOf, pkce } from '../helpers/browser.ts'

const { app, services } = await testApp(t)
const user = await newUser(services)
const signedIn = new Browser(app)
await signedIn.signIn(user)

const CALLBACK = 'https://app.example/callback?from=here'
const newApp = (input: Partial<NewClient> = {}) =>
  services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], ...input }).then(made => made.client)
const client = await newApp()

const get = (params: Parameters<typeof authorizeUrl>[1], of = client) => signedIn.get(authorizeUrl(of, params))

t.test('the response to a valid request', async t => {
  t.test('contains a code, the unchanged state and the issuer', async t => {
    const state = 'a b+c&d=é"<\'\u{1f600}%00'
    const location = await signedIn.approve(authorizeUrl(client, { state, prompt: 'consent' }))
    t.ok(location.href.startsWith(`${CALLBACK}&`), 'the redirect URI keeps its own query')
    t.match(location.searchParams.get('code'), /^[\w-]{43}$/)
    t.equal(location.searchParams.get('state'), state)
    t.equal(location.searchParams.get('iss'), services.config.issuer)
    t.strictSame([...location.searchParams.keys()].sort(), ['code', 'from', 'iss', 'state'])
  })

  t.test('is a redirect that turns the form into a GET', async t => {
    const page = await get({ prompt: 'consent' })
    t.equal((await signedIn.submit(page, { decision: 'approve' }, /consent$/)).statusCode, 303)
    t.equal((await get({ scope: 'nope' })).statusCode, 303)
  })

  t.test('contains no state if none was sent', async t => {
    t.notOk(locationOf(await get({ scope: 'nope' })).searchParams.has('state'))
    t.notOk(locationOf(await get({ scope: 'nope', state: '' })).searchParams.has('state'))
  })

  t.test('is access_denied when the user cancels', async t => {
    const page = await get({ prompt: 'consent', state: 's' })
    const location = locationOf(await signedIn.submit(page, { decision: 'deny' }, /consent$/))
    t.equal(location.searchParams.get('error'), 'access_denied')
    t.equal(location.searchParams.get('state'), 's')
    t.equal(location.searchParams.get('iss'), services.config.issuer)
    t.notOk(location.searchParams.has('code'))
  })
})

t.test('an error is shown on a page without a redirect when', async t => {
  const stays = async (t: Test, url: string, says: RegExp) => {
    const page = await signedIn.get(url)
    t.equal(page.statusCode, 400, url)
    t.match(page.headers['content-type'], 'text/html')
    t.notOk(page.headers.location)
    t.match(page.body, says)
  }

  t.test('the client is unknown', async t => {
    const revoked = await newApp()
    await services.clients.revoke(revoked.id)
    const personal = await services.clients.personalAccess()
    const [redirectUris, id] = [[CALLBACK], '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10']
    await stays(t, authorizeUrl({ id, redirectUris }), /No app is registered/)
    await stays(t, authorizeUrl({ id: '<script>', redirectUris }), /No app is registered/)
    await stays(t, authorizeUrl({ id: revoked.id, redirectUris }), /No app is registered/)
    await stays(t, authorizeUrl({ id: personal.id, redirectUris }), /No app is registered/)
    await stays(t, authorizeUrl(client, { client_id: undefined }), /client_id is missing/)
    await stays(t, authorizeUrl(client, { client_id: [client.id, client.id] }), /client_id was sent more than once/)
    await stays(t, '/oauth/authorize', /client_id is missing/)
  })

  t.test('the redirect URI is missing', async t => {
    await stays(t, authorizeUrl(client, { redirect_uri: undefined }), /redirect_uri is missing/)
    await stays(t, authorizeUrl(client, { redirect_uri: '' }), /redirect_uri is missing/)
    await stays(t, authorizeUrl(client, { redirect_uri: [CALLBACK, CALLBACK] }), /redirect_uri was sent more than once/)
  })

  t.test('the redirect URI contains a parameter of the response, as earlier versions allowed', async t => {
    for (const name of ['state', 'code', 'iss', 'error', '%73tate', 'STATE']) {
      const uri = `https://app.example/cb?${name}=x`
      const early = await newApp()
      await services.db.query('update oauth_clients set redirect_uris = ?::jsonb where id = ?', [
        JSON.stringify([uri]),
        early.id,
      ])
      const page = authorizeUrl({ id: early.id, redirectUris: [uri] }, { state: 's' })
      await stays(t, page, /has (state|code|iss|error|STATE) in its query/)
    }
  })

  t.test('the redirect URI differs from the registered one in any way', async t => {
    const exact = await newApp({
      redirectUris: ['https://app.example/cb', 'http://127.0.0.1:8080/cb', 'com.example.app:/cb'],
    })
    const others = [
      'https://app.example/cb/',
      'https://app.example/cb/more',
      'https://app.example/cb/../evil',
      'https://app.example/cb?x=1',
      'https://app.example/cb?',
      'https://app.example/cb#x',
      'https://app.example/cb%20',
      'https://app.example/CB',
      'https://APP.example/cb',
      'HTTPS://app.example/cb',
      'https://app.example:443/cb',
      'https://app.example:8443/cb',
      'http://app.example/cb',
      'https://app.example.evil/cb',
      'https://app.example@evil.example/cb',
      'https://evil.example/cb',
      '//app.example/cb',
      'http://127.0.0.1:8081/cb/',
      'http://127.0.0.1:8081/CB',
      'http://127.0.0.1:8081/cb?x=1',
      'http://127.0.0.1:0/cb',
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:80@evil.example/cb',
      'http://127.0.0.1.evil.example:8080/cb',
      'http://localhost:8080/cb',
      'http://[::1]:8080/cb',
      'https://127.0.0.1:8080/cb',
      'com.example.app:/cb/x',
      'com.example.app:/other',
      'javascript:alert(1)',
    ]
    for (const redirect_uri of others) await stays(t, authorizeUrl(exact, { redirect_uri }), /did not register/)
  })

  t.test('a parameter is not valid text', async t => {
    for (const odd of ['%00', '%ff', '%c3%28', '%zz']) {
      const page = await signedIn.get(`${authorizeUrl(client)}&state=${odd}`)
      t.equal(page.statusCode, 400, odd)
      t.notOk(page.headers.location)
    }
  })
})

t.test('loopback addresses', async t => {
  const native = await newApp({
    public: true,
    redirectUris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'http://127.0.0.1'],
  })
  const asks = async (redirect_uri: string) => (await get({ redirect_uri }, native)).statusCode

  t.test('allow any port if none was registered', async t => {
    for (const uri of [
      'http://127.0.0.1:1/cb',
      'http://127.0.0.1:65535/cb',
      'http://[::1]:51234/cb',
      'http://127.0.0.1/cb',
    ]) {
      t.equal(await asks(uri), 200, uri)
    }
    t.equal(await asks('http://127.0.0.1:51234'), 200)
    const location = await signedIn.approve(authorizeUrl(native, { redirect_uri: 'http://[::1]:51234/cb' }))
    t.equal(location.origin + location.pathname, 'http://[::1]:51234/cb')
  })

  t.test('do not allow another path, host or scheme', async t => {
    const others = [
      'http://127.0.0.1:51234/other',
      'http://127.0.0.1:51234/cb/',
      'http://127.0.0.1:51234/cb?x=1',
      'http://127.0.0.1:51234/',
      'http://127.0.0.1:0/cb',
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:99999/cb',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:1@evil.example/cb',
      'http://127.0.0.1.evil.example:80/cb',
      'http://127.0.0.2:51234/cb',
      'http://localhost:51234/cb',
      'https://127.0.0.1:51234/cb',
    ]
    for (const uri of others) t.equal(await asks(uri), 400, uri)
  })
})

t.test('all other errors are sent to the client', async t => {
  const refused = async (t: Test, params: Parameters<typeof authorizeUrl>[1], error: string, of = client) => {
    const location = locationOf(await get({ state: 'kept', ...params }, of))
    t.ok(location.href.startsWith(of.redirectUris[0] as string), JSON.stringify(params))
    t.equal(location.searchParams.get('error'), error, JSON.stringify(params))
    t.equal(location.searchParams.get('iss'), services.config.issuer)
    t.notOk(location.searchParams.has('code'))
    t.match(location.searchParams.get('error_description'), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    return location
  }

  t.test('response_type', async t => {
    t.equal((await refused(t, { response_type: undefined }, 'invalid_request')).searchParams.get('state'), 'kept')
    await refused(t, { response_type: 'token' }, 'unsupported_response_type')
    await refused(t, { response_type: 'code token' }, 'unsupported_response_type')
    await refused(t, { response_mode: 'fragment' }, 'invalid_request')
    t.equal((await get({ response_mode: 'query', prompt: 'consent' })).statusCode, 200)
  })

  t.test('PKCE', async t => {
    await refused(t, { code_challenge: undefined }, 'invalid_request')
    await refused(t, { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request')
    await refused(t, { code_challenge_method: 'plain' }, 'invalid_request')
    await refused(t, { code_challenge_method: undefined }, 'invalid_request')
    await refused(t, { code_challenge_method: 's256' }, 'invalid_request')
    await refused(t, { challenge: 'short' }, 'invalid_request')
    await refused(t, { challenge: `${pkce().challenge}=` }, 'invalid_request')
  })

  t.test('scope and resource', async t => {
    await refused(t, { scope: 'nope' }, 'invalid_scope')
    await refused(t, { scope: 'orders:read nope' }, 'invalid_scope')
    await refused(t, { scope: '*' }, 'invalid_scope')
    await refused(t, { scope: 'admin:read' }, 'invalid_scope')
    await refused(t, { scope: 'orders:read\u00e9"\\<b>' }, 'invalid_scope')
    await refused(t, { resource: 'https://nobody.example' }, 'invalid_target')
    const limited = await newApp({ scopes: ['reports'] })
    await refused(t, { scope: 'orders:read' }, 'invalid_scope', limited)
  })

  t.test('scopes that the user cannot grant', async t => {
    const operator = await newApp({ scopes: ['admin:read', 'orders:read'] })
    await refused(t, { scope: 'admin:read' }, 'invalid_scope', operator)
    const admin = new Browser(app)
    await admin.signIn(await newUser(services, 'admin'))
    t.equal((await admin.get(authorizeUrl(operator, { scope: 'admin:read' }))).statusCode, 200)
  })

  t.test('a repeated parameter', async t => {
    for (const name of ['response_type', 'scope', 'code_challenge', 'code_challenge_method', 'prompt']) {
      await refused(t, { [name]: ['a', 'b'] }, 'invalid_request')
    }
    const location = await refused(t, { state: ['a', 'b'] }, 'invalid_request')
    t.notOk(location.searchParams.has('state'), 'no state is better than the wrong one')
    t.equal((await get({ prompt: 'consent', unknown: ['a', 'b'] })).statusCode, 200, 'what is not known is ignored')
  })

  t.test('a grant that the client is not registered for', async t => {
    const machine = await newApp({ grantTypes: ['client_credentials'] })
    await refused(t, {}, 'unauthorized_client', machine)
  })

  t.test('signed requests are not supported', async t => {
    await refused(t, { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported')
  })
})

t.test('an error redirects to the app of another user only for a user who has consented to it', async t => {
  const theirs = await newApp({ userId: (await newUser(services)).id })
  const stranger = new Browser(app)
  const wrong = authorizeUrl(theirs, { code_challenge_method: 'plain' })
  for (const url of [wrong, authorizeUrl(theirs, { prompt: 'none' }), authorizeUrl(theirs, { scope: 'admin:users' })]) {
    for (const who of [stranger, signedIn]) {
      const page = await who.get(url)
      t.match([page.statusCode, page.headers.location], [400, undefined], url)
    }
  }
  await signedIn.approve(authorizeUrl(theirs))
  t.equal(locationOf(await signedIn.get(wrong)).searchParams.get('error'), 'invalid_request')
  t.equal((await stranger.get(wrong)).headers.location, undefined)
})

t.test('prompt', async t => {
  const error = async (browser: Browser, params: Parameters<typeof authorizeUrl>[1], of = client) =>
    locationOf(await browser.get(authorizeUrl(of, params))).searchParams.get('error')

  t.test('none never shows a page', async t => {
    const fresh = await newApp()
    t.equal(await error(new Browser(app), { prompt: 'none' }), 'login_required')
    t.equal(await error(signedIn, { prompt: 'none' }, fresh), 'consent_required')
    await signedIn.approve(authorizeUrl(fresh))
    t.ok(locationOf(await get({ prompt: 'none' }, fresh)).searchParams.has('code'))
    t.equal(await error(signedIn, { prompt: 'none', scope: 'reports' }, fresh), 'consent_required')
  })

  t.test('login and select_account require the password, also of a signed-in user', async t => {
    for (const prompt of ['login', 'select_account', 'login consent']) {
      const browser = new Browser(app)
      await browser.signIn(user)
      const there = locationOf(await browser.get(authorizeUrl(client, { prompt })))
      t.equal(there.pathname, '/login', prompt)
      const page = await browser.get(there.pathname + there.search)
      const { email } = user
      const back = await browser.submit(page, { email, password: 'correct horse battery' }, /login$/)
      const next = await browser.get(String(back.headers.location))
      t.ok(next.statusCode === 200 || locationOf(next).searchParams.has('code'), 'and goes on')
    }
  })

  t.test('consent shows the page again', async t => {
    const fresh = await newApp()
    await signedIn.approve(authorizeUrl(fresh))
    t.equal((await get({}, fresh)).statusCode, 303)
    t.equal((await get({ prompt: 'consent' }, fresh)).statusCode, 200)
  })

  t.test('invalid values are rejected', async t => {
    t.equal(await error(signedIn, { prompt: 'none login' }), 'invalid_request')
    t.equal(await error(signedIn, { prompt: 'perhaps' }), 'invalid_request')
    t.equal(await error(signedIn, { prompt: 'login login' }), 'invalid_request')
  })
})

t.test('a user who is not signed in signs in, and returns with the whole request', async t => {
  const browser = new Browser(app)
  const url = authorizeUrl(client, { state: 'a b&c', scope: 'orders:read orders:create', prompt: 'consent' })
  const there = locationOf(await browser.get(url))
  t.equal(there.pathname, '/login')
  const page = await browser.get(there.pathname + there.search)
  t.match(page.body, 'Calendar')
  const back = await browser.submit(page, { email: user.email, password: 'correct horse battery' }, /login$/)
  t.equal(back.statusCode, 303)
  const location = await browser.approve(String(back.headers.location))
  t.equal(location.searchParams.get('state'), 'a b&c')
  t.ok(location.searchParams.has('code'))
})

t.test('a request can be posted, by any site', async t => {
  const [path, query] = authorizeUrl(client, { prompt: 'consent', state: 's' }).split('?') as [string, string]
  const there = await new Browser(app).post(path, Object.fromEntries(new URLSearchParams(query)))
  t.equal(there.statusCode, 303)
  t.equal((await signedIn.get(String(there.headers.location))).statusCode, 200)
  const long = await signedIn.post(path, { state: 'x'.repeat(9_000) })
  t.equal(long.statusCode, 413)
  const json = await app.inject({ method: 'POST', url: path, payload: {} })
  t.equal(json.statusCode, 415)
  t.match(json.headers['content-type'], 'text/html')
})

t.test('the port of a loopback address is free, whether one was registered or not', async t => {
  const hosts = ['http://127.0.0.1', 'http://[::1]', 'http://localhost']
  for (const host of hosts) {
    for (const registered of [`${host}:8080/cb?x=1`, `${host}/cb?x=1`]) {
      const local = await newApp({ public: true, redirectUris: [registered] })
      for (const port of ['', ':8080', ':51004', ':65535']) {
        const redirect_uri = `${host}${port}/cb?x=1`
        const location = await signedIn.approve(authorizeUrl(local, { redirect_uri }))
        t.ok(location.href.startsWith(new URL(redirect_uri).href), redirect_uri)
        t.ok(location.searchParams.has('code'), redirect_uri)
      }
      const elsewhere = hosts.filter(other => other !== host).map(other => `${other}:8080/cb?x=1`)
      for (const redirect_uri of [...elsewhere, `${host}:8080/cb`, `${host}:8080/cb?x=2`]) {
        t.equal((await signedIn.get(authorizeUrl(local, { redirect_uri }))).statusCode, 400, redirect_uri)
      }
    }
  }
})

t.test('scopes of OpenID Connect are ignored', async t => {
  const page = await signedIn.get(authorizeUrl(client, { scope: 'openid reports offline_access', prompt: 'consent' }))
  t.equal(page.statusCode, 200)
  t.match(page.body, 'See reports')
  t.notMatch(page.body, '<code>openid')
  const only = await signedIn.get(authorizeUrl(client, { scope: 'openid email', prompt: 'consent' }))
  t.match(only.body, 'Read orders', 'nothing else: the defaults')
})

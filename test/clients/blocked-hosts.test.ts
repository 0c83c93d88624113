import t from 'tap'
import { metadataClientId } from '../../src/clients/metadata-id.ts'
import { readStatusEvents } from '../../src/status/events.ts'
import { actingAs, newUser } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { asClient, openMetadataHost, REDIRECT_URI } from '../helpers/metadata-client.ts'
import { testNodes } from '../helpers/nodes.ts'
import { form } from '../helpers/oauth.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

t.test('a blocked host: its clients get nothing, and what they had is refused at every node', async t => {
  const host = await openMetadataHost(t)
  const [here, there] = await testNodes(t, { fetchLoopback: true })
  for (const { services } of [here, there]) services.listen()
  const browser = new Browser(there.app)
  await browser.signIn(await newUser(here.services))
  const admin = await actingAs(here.services, ['admin:read', 'admin:write'], { role: 'admin' })
  const hosts = (method: 'GET' | 'PUT' | 'DELETE', name = '') =>
    here.app.inject({ method, url: `/admin/blocked-hosts${name}`, headers: admin.headers })

  async function tokens() {
    const { verifier, challenge } = pkce()
    const to = await browser.approve(authorizeUrl(asClient(host), { challenge }))
    const code = { code: to.searchParams.get('code') as string, code_verifier: verifier, redirect_uri: REDIRECT_URI }
    return (
      await form(there.app, '/oauth/token', { grant_type: 'authorization_code', client_id: host.url, ...code })
    ).json()
  }
  const refresh = (refresh_token: string) =>
    form(there.app, '/oauth/token', { grant_type: 'refresh_token', client_id: host.url, refresh_token })
  const isLive = async (token: string) => {
    try {
      return Boolean(await there.services.authenticate(token))
    } catch {
      return false
    }
  }
  const other = await actingAs(here.services, ['orders:read'])
  const before = await tokens()
  t.ok(await isLive(before.access_token))

  const blocked = await hosts('PUT', '/LOCALHOST')
  t.match([blocked.statusCode, blocked.json()], [200, { revoked_clients: 1 }])
  t.match((await hosts('GET')).json(), { data: [{ host: 'localhost', created_at: String }] })
  await until(async () => !(await isLive(before.access_token)))
  const { idx, uri } = referenceOf(before.access_token)
  const events = await readStatusEvents(here.services.db, 0)
  t.ok(
    events.some(event => event.list === listOf({ uri }) && event.index === idx && event.status === 1),
    'guards hear of it by a status event',
  )
  t.ok(await isLive(other.token), 'nobody else is concerned')
  t.equal((await refresh(before.refresh_token)).statusCode, 401)
  await until(async () => (await browser.get(authorizeUrl(asClient(host)))).statusCode === 400)
  t.equal((await form(there.app, '/oauth/device_authorization', { client_id: host.url })).statusCode, 401)
  const unknown = authorizeUrl({ id: `${host.origin}/new.json`, redirectUris: [REDIRECT_URI] })
  t.equal((await browser.get(unknown)).statusCode, 400, 'a client that nobody has consented to, too')
  t.match((await hosts('PUT', '/localhost')).json(), { revoked_clients: 0 }, 'blocking twice is harmless')

  t.equal((await hosts('DELETE', '/localhost')).statusCode, 204)
  t.equal((await hosts('DELETE', '/localhost')).statusCode, 404)
  await until(async () => (await browser.get(authorizeUrl(asClient(host)))).statusCode === 200)
  t.notOk(await isLive(before.access_token), 'nothing comes back to life')
  t.match((await refresh(before.refresh_token)).json(), { error: 'invalid_grant' })
  const after = await tokens()
  t.ok(await isLive(after.access_token))

  await here.services.clients.revoke(metadataClientId(host.url))
  await hosts('PUT', '/localhost')
  await hosts('DELETE', '/localhost')
  t.equal(
    (await browser.get(authorizeUrl(asClient(host)))).statusCode,
    400,
    'an app that was revoked by itself stays revoked',
  )
})

t.test('an app that is revoked by itself while its host is blocked stays revoked', async t => {
  const host = await openMetadataHost(t)
  const [{ app, services }] = await testNodes(t, { fetchLoopback: true })
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await browser.approve(authorizeUrl(asClient(host)))
  t.equal(await services.blockedHosts.block('localhost'), 1)
  await services.clients.revoke(metadataClientId(host.url))
  await services.blockedHosts.unblock('localhost')
  t.equal((await browser.get(authorizeUrl(asClient(host)))).statusCode, 400)
})

t.test('a consent at a node that does not know yet that the host is blocked', async t => {
  const host = await openMetadataHost(t)
  const [{ app, services }] = await testNodes(t, { fetchLoopback: true })
  services.listen()
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const page = await browser.get(authorizeUrl(asClient(host)))
  await services.db.query('insert into oauth_blocked_hosts (host, created_at) values (?, now())', ['localhost'])
  const refused = await browser.submit(page, { decision: 'approve' }, /consent$/)
  t.match([refused.statusCode, refused.body], [400, /No app is registered/])
  t.notOk((await services.clients.list()).some(({ metadataUrl }) => metadataUrl === host.url))
})

t.test('blocking and a consent at once: no app of a blocked host is left', async t => {
  const host = await openMetadataHost(t)
  const nodes = await testNodes(t, { fetchLoopback: true })
  const [here, there] = nodes
  for (const { services } of nodes) services.listen()
  const browser = new Browser(there.app)
  await browser.signIn(await newUser(here.services))
  const pages = []
  for (let n = 0; n < 6; n++)
    pages.push(await browser.get(authorizeUrl({ id: `${host.origin}/${n}.json`, redirectUris: [REDIRECT_URI] })))
  const consents = pages.map(page => browser.submit(page, { decision: 'approve' }, /consent$/))
  await Promise.all([here.services.blockedHosts.block('localhost'), ...consents])
  const clients = (await here.services.clients.list()).filter(({ metadataUrl }) => metadataUrl !== null)
  t.ok(clients.every(({ revoked, hostBlocked }) => revoked && hostBlocked))
})

/** Notifications of another node arrive soon. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setImmediate(resolve))
}

t.test('what is no host is refused, and so is who may not', async t => {
  const [{ app, services }] = await testNodes(t)
  const admin = await actingAs(services, ['admin:write'], { role: 'admin' })
  const reader = await actingAs(services, ['admin:read'], { role: 'admin' })
  const put = (name: string, headers: { authorization: string }) =>
    app.inject({ method: 'PUT', url: `/admin/blocked-hosts/${encodeURIComponent(name)}`, headers })
  for (const name of ['a:443', 'a/b', 'user@a', '[', ' ', 'a?b', 'a#b'])
    t.equal((await put(name, admin.headers)).statusCode, 422, name)
  t.equal((await put('app.example.com', reader.headers)).statusCode, 403)
  t.strictSame(await services.blockedHosts.list(), [])
})

t.test('an administrator blocks a host by the page', async t => {
  const [{ app, services }] = await testNodes(t)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  const page = await browser.get('/manage/blocked-hosts')
  const refused = await browser.submit(page, { host: 'https://app.example.com' }, /blocked-hosts$/)
  t.match([refused.statusCode, refused.body], [400, /must be a host name without a port/])
  t.equal((await browser.submit(page, { host: 'App.example.com' }, /blocked-hosts$/)).statusCode, 303)
  t.match(await services.blockedHosts.list(), [{ host: 'app.example.com' }])
  const after = await browser.get('/manage/blocked-hosts')
  t.equal((await browser.submit(after, {}, /unblock$/)).statusCode, 303)
  t.strictSame(await services.blockedHosts.list(), [])
})

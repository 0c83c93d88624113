import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { type Issuer, listeningIssuer } from '../helpers/issuer.ts'
import { CALLBACK, Editor, EditorProvider, editorDocument, type ProviderOptions } from '../helpers/mcp-client.ts'
import { protectedServer, TOOLS } from '../helpers/mcp-server.ts'
import { freePort } from '../helpers/port.ts'

/** The official SDK of the Model Context Protocol: its client through its own OAuth interface, its server behind our guard. */

interface World extends Issuer {
  url: string
  browser: Browser
  user: string
  /** Lets the person consent. @returns the code */
  authorize(url: URL): Promise<string>
}

async function world(t: Test): Promise<World> {
  const audience = `http://127.0.0.1:${await freePort()}/mcp`
  const issuer = await listeningIssuer(t, { fetchLoopback: true, dcr: 'open' })
  const api = await issuer.services.clients.create({ name: 'Orders', audience })
  const credentials = { clientId: api.client.id, clientSecret: String(api.secret) }
  const guard = { issuer: issuer.issuer, ...credentials, audience, scopes: ['orders:read'], tools: TOOLS }
  const { url } = await protectedServer(t, 'express', guard)
  const user = await newUser(issuer.services)
  const browser = new Browser(issuer.app)
  await browser.signIn(user)
  const authorize = async ({ origin, pathname, search }: URL) => {
    t.equal(origin, issuer.issuer)
    const to = await browser.approve(pathname + search)
    t.ok(to.href.startsWith(CALLBACK))
    return String(to.searchParams.get('code'))
  }
  return { ...issuer, url, browser, user: user.id, authorize }
}

async function registered({ services }: World, refreshes = false) {
  const grantTypes = ['authorization_code' as const, ...(refreshes ? ['refresh_token' as const] : [])]
  const { client } = await services.clients.create({
    name: 'Editor',
    public: true,
    redirectUris: [CALLBACK],
    grantTypes,
  })
  return client
}

const edit = (t: Test, world: World, options: Omit<ProviderOptions, 'authorize'>) =>
  new Editor(t, world.url, new EditorProvider({ ...options, authorize: world.authorize }))

t.test('connect, consent, call a tool, 403, step up, call again, revoke, refused', async t => {
  const here = await world(t)
  const client = await registered(here)
  const editor = edit(t, here, { clientId: client.id })
  const { provider } = editor
  await editor.connect()
  t.strictSame(provider.asked, ['orders:read'], 'only what every request needs')
  t.equal(await editor.call('list_orders'), `for ${here.user}`)

  t.equal(await editor.call('place_order'), `for ${here.user}`)
  t.strictSame(provider.asked.slice(1), ['orders:read orders:create'], 'what it has, and what is missing')
  t.equal(provider.kept?.scope, 'orders:read orders:create')
  t.equal(await editor.call('list_orders'), `for ${here.user}`, 'the first tool can still be called')
  t.equal(provider.asked.length, 2)

  await here.services.authorizations.withdraw(here.user, client.id)
  // Refused within a second: the client then sends the person to the authorization endpoint again.
  while (provider.asked.length === 2) {
    await editor.call('list_orders').catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.equal(provider.asked.at(-1), 'orders:read')
})

t.test('a client that nobody registered, by its metadata document', async t => {
  const document = await editorDocument(t)
  setDefaultCACertificates([...getCACertificates(), document.ca])
  const here = await world(t)
  const editor = edit(t, here, { clientMetadataUrl: document.url })
  const { provider } = editor
  await editor.connect()
  t.match(provider.information, { client_id: document.url }, 'the SDK chose it by itself')
  t.equal(await editor.call('list_orders'), `for ${here.user}`)
  t.equal(await editor.call('place_order'), `for ${here.user}`)
  t.strictSame(provider.asked, ['orders:read', 'orders:read orders:create'])
})

t.test('a client that registers itself', async t => {
  const here = await world(t)
  const editor = edit(t, here, {})
  const { provider } = editor
  await editor.connect()
  t.match(provider.information, { redirect_uris: [CALLBACK] }, 'the SDK registered it')
  t.equal(await editor.call('list_orders'), `for ${here.user}`)
  t.equal(await editor.call('place_order'), `for ${here.user}`)
})

t.test('a token that has ended is refreshed, and the person is not asked again', async t => {
  const here = await world(t)
  const client = await registered(here, true)
  const editor = edit(t, here, { clientId: client.id, refreshes: true })
  await editor.connect()
  const { provider } = editor
  const first = provider.kept?.refresh_token
  t.ok(first)
  provider.kept = { ...provider.kept, access_token: 'ended', token_type: 'Bearer' }
  t.equal(await editor.call('list_orders'), `for ${here.user}`)
  t.not(provider.kept?.refresh_token, first)
  t.equal(provider.asked.length, 1)
})

t.test('a person who refuses gives the client nothing', async t => {
  const here = await world(t)
  const client = await registered(here)
  const provider = new EditorProvider({
    clientId: client.id,
    async authorize({ pathname, search }) {
      const page = await here.browser.get(pathname + search)
      const to = await here.browser.submit(page, { decision: 'deny' }, /consent$/)
      t.match(to.headers.location, /error=access_denied/)
      return ''
    },
  })
  await t.rejects(new Editor(t, here.url, provider).connect(), { message: 'Unauthorized' })
  t.equal(provider.kept, undefined)
})

import t from 'tap'
import { createApp } from '../../src/app.ts'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import type { CatalogueInput } from '../../src/scopes/catalogue.ts'
import { createServices } from '../../src/services.ts'
import { createRemovedScopes } from '../../src/tokens/removed-scopes.ts'
import { warnOfRemovedScopes } from '../../src/tokens/removed-scopes-warning.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'
import { ticked } from '../helpers/forms.ts'
import { grantAccess, refresh } from '../helpers/granted-tokens.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

const KEPT = [
  { id: 'orders:read', description: 'Read orders', default: true },
  { id: 'orders:read:status', description: 'Read the status of orders' },
  { id: 'reports', description: 'See reports' },
]
const before = { inherit: true, scopes: [...KEPT, { id: 'old:export', description: 'Export' }] }
const after: CatalogueInput = { inherit: true, scopes: KEPT }

/** Tokens are made under one catalogue and then met under another, as after a restart with a new file. */
const { services: old } = await testApp(t, { catalogue: before })
const services = await createServices({ config: old.config, catalogue: after, db: old.db })
await services.ensure()
const app = await createApp(services)

const HELD = ['orders:read', 'old:export']

async function person() {
  const user = await newUser(old)
  const { token } = await old.tokens.issuePersonal({ user, name: 'deploy', scopes: HELD })
  const owner = await actingAs(services, ['tokens:read', 'tokens:write', 'orders:read'], { user })
  const browser = new Browser(app)
  await browser.signIn(user)
  const api = requester(app, owner.headers)
  const scopes = async (id = token.id) => (await api.get(`/api/tokens/${id}`)).json().data.scopes
  return { user, token, api, browser, scopes, owner }
}

t.test('a token that is renamed on its page keeps a scope that has left the catalogue', async t => {
  const { token, browser, scopes } = await person()
  const page = await browser.get(`/tokens/${token.id}`)
  t.match(page.body, 'No longer available')
  t.match(page.body, 'old:export')
  await browser.submit(page, { name: 'renamed' }, new RegExp(`${token.id}$`))
  t.same(await scopes(), HELD)
  t.match((await browser.get(`/tokens/${token.id}`)).body, 'renamed')
})

t.test('it also stays when other scopes are ticked, and goes when its removal is', async t => {
  const { token, browser, scopes } = await person()
  const action = new RegExp(`${token.id}$`)
  const page = `/tokens/${token.id}`
  await browser.submit(await browser.get(page), { name: 'deploy', 'scope.reports': '1' }, action)
  t.same(await scopes(), ['orders:read', 'reports', 'old:export'])
  await browser.submit(await browser.get(page), { name: 'deploy', 'remove.old:export': '1' }, action)
  t.same(await scopes(), ['orders:read', 'reports'])
})

t.test('a scope that is had by inheritance is shown as included, and saving neither adds nor drops it', async t => {
  const { token, browser, scopes } = await person()
  const page = await browser.get(`/tokens/${token.id}`)
  t.same(ticked(page.body), ['scope.orders:read'])
  t.match(page.body, /orders:read:status<\/code> <small data-included>Included in orders:read</)
  await browser.submit(page, { name: 'again' }, new RegExp(`${token.id}$`))
  t.same(await scopes(), HELD)
})

t.test('through the API what is read can be sent back, and nothing new gets the scope', async t => {
  const { token, api, scopes } = await person()
  t.equal((await api.patch(`/api/tokens/${token.id}`, { name: 'renamed' })).statusCode, 200)
  t.same(await scopes(), HELD)
  const sent = await api.patch(`/api/tokens/${token.id}`, { scopes: HELD })
  t.match(sent.json().data, { scopes: HELD }, 'as it was read')
  t.equal((await api.post('/api/tokens', { name: 'new', scopes: HELD })).statusCode, 422)
  const narrowed = await api.patch(`/api/tokens/${token.id}`, { scopes: ['orders:read'] })
  t.same(narrowed.json().data.scopes, ['orders:read'], 'it goes when it is left out on purpose')
  t.equal((await api.patch(`/api/tokens/${token.id}`, { scopes: HELD })).statusCode, 422, 'and does not come back')
})

t.test('a successor has it too', async t => {
  const { token, user } = await person()
  const owner = await actingAs(services, ['*'], { user })
  const rotated = await requester(app, owner.headers).post(`/api/tokens/${token.id}/rotate`)
  t.match(rotated.json().data, { scopes: HELD })
})

t.test('somebody who is no administrator any more loses no scope by a new name', async t => {
  const user = await newUser(services, 'admin')
  const { token } = await services.tokens.issuePersonal({ user, name: 'ops', scopes: ['orders:read', 'admin:read'] })
  await services.users.create({
    email: 'second@example.com',
    name: 'Second',
    password: 'correct horse battery',
    role: 'admin',
  })
  const demoted = await services.users.update(user.id, { role: 'user' })
  const browser = new Browser(app)
  await browser.signIn(demoted)
  const page = await browser.get(`/tokens/${token.id}`)
  await browser.submit(page, { name: 'ops 2' }, new RegExp(`${token.id}$`))
  t.same((await services.tokens.find(user.id, token.id)).scopes, ['orders:read', 'admin:read'])
})

t.test('an app keeps it likewise', async t => {
  const { user, browser } = await person()
  const made = await old.clients.create({
    name: 'Viewer',
    userId: user.id,
    redirectUris: ['https://viewer.example.com/cb'],
    scopes: HELD,
  })
  const path = `/apps/own/${made.client.id}`
  const action = new RegExp(`${made.client.id}$`)
  const page = await browser.get(path)
  t.match(page.body, 'old:export')
  t.notMatch(formOf(page.body, action).fields, { 'remove:old:export': 'on' })
  await browser.submit(page, { name: 'Viewer 2', scope_choice: 'these', 'scope:orders:read': 'on' }, action)
  t.same((await services.clients.find(made.client.id)).scopes, HELD)
  await services.clients.update(made.client.id, { scopes: HELD })
  await t.rejects(services.clients.update(made.client.id, { scopes: ['never:was'] }), /never:was/)
  await browser.submit(
    await browser.get(path),
    { name: 'Viewer', scope_choice: 'these', 'scope:orders:read': 'on', 'remove:old:export': 'on' },
    action,
  )
  t.same((await services.clients.find(made.client.id)).scopes, ['orders:read'])
})

t.test('tokens are found by a scope that has left the catalogue', async t => {
  const { token, api } = await person()
  const found = async (scope: string) =>
    (await api.get(`/api/tokens?scope=${scope}`)).json().data.map(({ id }: { id: string }) => id)
  t.strictSame(await found('old:export'), [token.id])
  t.notOk((await found('reports')).includes(token.id))
  t.strictSame(await found('legacy'), [], 'a part of a scope is none')
  t.equal((await api.get('/api/tokens?scope=')).statusCode, 422)
})

t.test('the API says which scopes of a token have left the catalogue', async t => {
  const { token, api, owner } = await person()
  t.same((await api.get(`/api/tokens/${token.id}`)).json().data.unknown_scopes, ['old:export'])
  const listed = (await api.get('/api/tokens')).json().data
  const unknown = new Map(listed.map((one: { id: string; unknown_scopes: string[] }) => [one.id, one.unknown_scopes]))
  t.same(unknown.get(token.id), ['old:export'])
  t.same(unknown.get(owner.id), [], 'what is in the catalogue is known')
  const text = (await old.tokens.issuePersonal({ user: owner.user, name: 'own', scopes: [...HELD, '*'] })).plainText
  const current = await requester(app, bearer(text)).get('/api/tokens/current')
  t.same(current.json().data.unknown_scopes, ['old:export'], '* grants what there is')
  const admin = requester(app, (await actingAs(services, ['admin:read'], { role: 'admin' })).headers)
  t.same((await admin.get(`/admin/tokens/${token.id}`)).json().data.unknown_scopes, ['old:export'])
  const found = (await admin.get('/admin/tokens?scope=old:export&limit=1')).json().data
  t.same(found[0].unknown_scopes, ['old:export'])
})

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`an exchange leaves out what has left the catalogue, and refuses it by name: ${format}`, async t => {
    const user = await newUser(old)
    const { plainText } = await old.tokens.issuePersonal({ user, name: 'ci', scopes: HELD, format })
    const exchanged = await form(app, '/oauth/token', exchangeOf(plainText))
    t.match(exchanged.json(), { scope: 'orders:read' })
    const named = await form(app, '/oauth/token', { ...exchangeOf(plainText), scope: 'old:export' })
    t.equal(named.statusCode, 400)
    t.match(named.json(), { error: 'invalid_scope', error_description: /old:export/ })
    const made = await old.clients.create({ name: 'gateway', grantTypes: [TOKEN_EXCHANGE], tokenFormat: format })
    const headers = basic(made.client.id, made.secret)
    const byClient = await form(app, '/oauth/token', exchangeOf(plainText), headers)
    t.match(byClient.json(), { scope: 'orders:read' })
    const asked = { ...exchangeOf(plainText), scope: 'old:export' }
    t.match((await form(app, '/oauth/token', asked, headers)).json(), { error: 'invalid_scope' })
  })

  t.test(`a refresh leaves out what has left the catalogue, and refuses it by name: ${format}`, async t => {
    const user = await newUser(old)
    const family = () => grantAccess(old, user, { scopes: HELD, tokenFormat: format })
    t.match((await refresh(app, await family())).json(), { scope: 'orders:read' })
    const named = await refresh(app, await family(), { scope: 'old:export' })
    t.equal(named.statusCode, 400)
    t.match(named.json(), { error: 'invalid_scope', error_description: /old:export/ })
  })
}

t.test('administrators filter by a scope that has left the catalogue', async t => {
  await person()
  const browser = new Browser(app)
  await browser.signIn(await newUser(old, 'admin'))
  t.match((await browser.get('/manage/tokens')).body, '<option>old:export</option>')
})

t.test('a start names the scopes that have left the catalogue, with their live tokens', async t => {
  await person()
  const warnings: { fields: object; message: string }[] = []
  const log = { warn: (fields: object, message: string) => void warnings.push({ fields, message }), error() {} }
  await warnOfRemovedScopes(createRemovedScopes(services.db, services.catalogue), log)
  t.equal(warnings.length, 1)
  t.match(warnings[0]?.message, /catalogue: old:export \(\d+\)\. These tokens keep them/)
  await warnOfRemovedScopes(createRemovedScopes(old.db, old.catalogue), log)
  t.equal(warnings.length, 1, 'with none there is nothing to say')
})

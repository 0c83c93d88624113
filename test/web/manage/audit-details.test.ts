import t from 'tap'
import { actingAs, newUser, testApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'
import { leaveOperation } from '../../helpers/operation.ts'
import { requester } from '../../helpers/requester.ts'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

const page = async (query: string, language = 'en') =>
  (await browser.get(`/manage/audit?${query}`, { 'accept-language': language })).body
/** The details on a page, by their names there. */
const detailsOf = (body: string) =>
  [...body.matchAll(/<div><span class="muted">([^<]*):<\/span> (.*?)<\/div>/g)].map(([, name = '', html = '']) => ({
    name,
    html,
    text: html.replaceAll(/<[^>]*>/g, ''),
  }))
const detail = async (query: string, name: string, language?: string) =>
  detailsOf(await page(query, language)).find(each => each.name === name)

t.test('details have names and values in the language of the page', async t => {
  const { client } = await services.clients.create({ name: 'admin' })
  await services.clients.update(client.id, {
    redirectUris: ['https://a.example/<b>'],
    issuesPersonalTokens: true,
    requirePushedRequests: false,
  })
  const { user } = await actingAs(services)
  await services.users.update(user.id, { role: 'admin', email: 'changed@example.com' })
  const changed = `client=${client.id}&kind=client.changed`
  t.match(await detail(changed, 'Redirect URIs'), { text: 'https://a.example/&lt;b&gt;' })
  t.match(await detail(changed, 'Issues personal access tokens'), { text: 'Yes' })
  t.match(await detail(changed, 'Stellt persönliche Tokens aus', 'de'), { text: 'Ja' })
  t.match(await detail(changed, 'Verlangt Pushed Requests', 'de'), { text: 'Nein' })
  t.match(await detail(`client=${client.id}&kind=client.created`, 'Name'), { text: 'admin' }, 'a name is no word')
  const one = `user=${user.id}&kind=user.changed`
  t.match(await detail(one, 'Changed'), { text: 'E-mail address, Role' })
  t.match(await detail(one, 'Geändert', 'de'), { text: 'E-Mail-Adresse, Rolle' })
  t.match(await detail(one, 'Role'), { text: 'Administrator' })
})

t.test('details lead to what they name', async t => {
  const { operation } = await leaveOperation(services)
  const started = await detail('kind=operation.started', 'Operation')
  t.match(started?.html, `<a href="/operations/${operation.id}">`)
  t.equal((await browser.get(`/operations/${operation.id}`)).statusCode, 200)
  t.match(await detail('kind=operation.started', 'What it does'), { text: 'Revoke the tokens of a user' })
  await services.operations.cancel(operation.id)
  t.match((await detail('kind=operation.cancelled', 'Operation'))?.html, `href="/operations/${operation.id}"`)

  const maintainer = await newUser(services)
  await services.users.update(maintainer.id, { name: '<i>Grace</i>' })
  await services.serviceAccounts.create({ name: 'Builds', maintainers: [maintainer.id] })
  const maintainers = await detail('kind=service_account.created', 'Maintainers')
  t.equal(maintainers?.html, `<a href="/manage/users/${maintainer.id}"><bdi>&lt;i&gt;Grace&lt;/i&gt;</bdi></a>`)

  const { user, id, headers: own } = await actingAs(services, ['tokens:rotate', 'tokens:write', 'tokens:read'])
  const rotated = await requester(app, own).post(`/api/tokens/${id}/rotate`, {})
  t.equal(rotated.statusCode, 201, rotated.body)
  const replaced = detailsOf(await page(`user=${user.id}&kind=token.issued`)).find(
    ({ name }) => name === 'Replaces token',
  )
  t.match(replaced?.html, `<a href="/manage/tokens/${id}">`)

  const trust = await services.trusts.create({
    issuer: 'https://ci.example.com',
    match: { sub: 'repo:acme/shop', ref: 'main' },
    userId: user.id,
    scopes: ['orders:read'],
  })
  t.match((await detail('kind=trust.created', 'Trust'))?.html, `<a href="/manage/trusts/${trust.id}">`)
  t.match(await detail('kind=trust.created', 'Claims'), { text: /sub=repo:acme\/shop/ })
  await services.trusts.remove(trust.id)
  t.notMatch((await detail('kind=trust.removed', 'Trust'))?.html, 'href', 'it is gone')
})

t.test('no name of the API is left, and none is unknown', async t => {
  await services.keys.rotate('EdDSA', { now: true })
  for (const language of ['en', 'de']) {
    for (let cursor = ''; ; ) {
      const body = await page(cursor, language)
      for (const { name, text } of detailsOf(body)) {
        t.match(name, /^[\p{Lu}]/u, `${name} is a name of the page`)
        t.notMatch(name, /_/)
        t.notMatch(text, /^\W*[{[]|\btrue\b|\bfalse\b|\bnull\b/, `${name}: ${text}`)
      }
      const next = /href="[^"]*\?(cursor=[^"]*)" rel="next"/.exec(body)?.[1]
      if (!next) break
      cursor = next
    }
  }
})

t.test('the file and the API have details as they are stored', async t => {
  const { operation } = await leaveOperation(services)
  const csv = (await browser.get('/manage/audit.csv?kind=operation.started')).body
  t.match(csv, `""operation"":""${operation.id}""`)
  t.match(csv, '""work"":""revoke_personal_tokens""')
  const { headers } = await actingAs(services, ['admin:read'], { role: 'admin' })
  const listed = await requester(app, headers).get('/admin/audit?kind=operation.started&limit=1')
  t.match(listed.json().data, [{ details: { operation: operation.id, work: 'revoke_personal_tokens' } }])
})

import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { createGroup, person, testDirectory } from '../helpers/scim.ts'
import { newServiceAccount } from '../helpers/service-accounts.ts'

const scimGroupScopes = { contractors: ['orders:read'] }
const { app, services, scim } = await testDirectory(t, { scimAdopt: true, scimGroupScopes })

t.test('the limit of a person’s groups applies to what their session gives a service account', async t => {
  const ada = await newUser(services)
  await scim('POST', '/Users', person({ userName: ada.email, emails: [{ value: ada.email, primary: true }] }))
  const { account } = await newServiceAccount(services, ada)
  const free = await services.tokens.issuePersonal({ user: account, name: 'of others', scopes: ['*'] })
  await createGroup(scim, 'Contractors', [ada.id])
  const browser = new Browser(app)
  await browser.signIn(ada)
  const headers = { 'x-csrf-token': (await browser.get('/api/session')).json().csrf_token }
  const url = `/api/service-accounts/${account.id}/tokens`
  const post = (path: string, payload: object) =>
    app.inject({ method: 'POST', url: path, headers, payload, cookies: Object.fromEntries(browser.cookies) })
  for (const scopes of [['*'], ['orders:create'], ['orders:read', 'tokens:write']]) {
    const refused = await post(url, { name: 'ci', scopes })
    t.equal(refused.statusCode, 403, refused.body)
  }
  t.equal((await post(`${url}/${free.token.id}/rotate`, {})).statusCode, 403, 'nor by a rotation')
  await services.tokens.change(account, free.token.id, { suspended: true })
  const resumed = await browser.submit(
    await browser.get(`/service-accounts/${account.id}/tokens/${free.token.id}`),
    {},
    /resume$/,
  )
  t.equal(resumed.statusCode, 403, 'nor by resuming it')
  t.match(await services.tokens.find(account.id, free.token.id), { suspended: true })
  const made = await post(url, { name: 'ci', scopes: ['orders:read'] })
  t.match(made.json(), { data: { scopes: ['orders:read'] } }, made.body)
  t.match((await post(url, { name: 'defaults' })).json(), { data: { scopes: ['orders:read'] } })

  const path = `/service-accounts/${account.id}/tokens`
  const form = await browser.get(`${path}/new`)
  t.equal(form.statusCode, 200, form.body)
  t.notMatch(form.body, 'scope.orders:create', 'the form offers only what the person may give')
  const refused = await browser.submit(form, { name: 'by page', expires_in: '30d', 'scope.*': 'on' }, /tokens$/)
  t.equal(refused.statusCode, 403, 'the pages too')
  const issued = await browser.submit(form, { name: 'by page', expires_in: '30d' }, /tokens$/)
  t.equal(issued.statusCode, 201, issued.body)
  const listed = await services.tokens.list(account.id, { limit: 10 })
  t.notOk(
    listed.some(({ id, scopes }) => id !== free.token.id && scopes.join() !== 'orders:read'),
    'nothing else was issued',
  )
  for (const page of ['/tokens', '/account', path]) t.equal((await browser.get(page)).statusCode, 200, page)
  t.equal((await browser.submit(await browser.get('/tokens'), {}, /logout$/)).statusCode, 303)
})

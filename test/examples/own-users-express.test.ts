import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { openCustomers } from '../../examples/own-users/customers.ts'
import { catalogue, shop, usersOf } from '../../examples/own-users-express/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { embedded } from '../helpers/embedding.ts'

const customers = await openCustomers((await testDatabase(t)).databaseUrl)
t.teardown(() => customers.close())
const postern = await embedded(t, { catalogue, issuer: 'http://localhost:4000/auth', users: usersOf(customers) })
const server = (await shop(customers, postern)).listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const credentials = { email: 'ada@example.com', password: 'correct horse' }
const post = (path: string, body: object, headers = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

t.test('the same shop with Express', async t => {
  const { id } = await customers.register('Ada', credentials.email, credentials.password)
  const cookie = (await post('/login', credentials)).headers.getSetCookie()[0]?.split(';', 1).join() ?? ''
  const issued = await post('/tokens', { name: 'ci', scopes: ['orders:read'] }, { cookie })
  const { token } = (await issued.json()) as { token: string }
  const headers = { authorization: `Bearer ${token}` }
  t.match(await (await fetch(`${url}/orders`, { headers })).json(), { of: id })
  const page = await fetch(`${url}/auth/tokens`, { headers: { cookie } })
  t.match(await page.text(), 'Signed in as <bdi>Ada</bdi>')
  const forged = { cookie: cookie.replace(/=\d+/, '=999') }
  t.equal((await fetch(`${url}/auth/tokens`, { headers: forged, redirect: 'manual' })).status, 303)
})

t.test('metadata at the root, bodies below the prefix, and the shop’s own paths', async t => {
  const metadata = await fetch(`${url}/.well-known/oauth-authorization-server/auth`)
  t.match(await metadata.json(), { issuer: 'http://localhost:4000/auth' })
  const issued = await post('/auth/api/tokens', { ...credentials, name: 'cli', scopes: [] })
  t.equal(issued.status, 201)
  t.equal((await fetch(`${url}/authors`)).status, 404)
  await postern.users.disable(((await issued.json()) as { user: { id: string } }).user.id)
  t.equal((await post('/auth/api/tokens', { ...credentials, name: 'cli', scopes: [] })).status, 401)
})

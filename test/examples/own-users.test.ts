import t from 'tap'
import { catalogue, shop, usersOf } from '../../examples/own-users/app.ts'
import { openCustomers } from '../../examples/own-users/customers.ts'
import { testDatabase } from '../helpers/database.ts'
import { embedded } from '../helpers/embedding.ts'

const customers = await openCustomers((await testDatabase(t)).databaseUrl)
t.teardown(() => customers.close())
const postern = await embedded(t, { catalogue, issuer: 'http://localhost:4000/auth', users: usersOf(customers) })
const app = await shop(customers, postern)
t.teardown(() => app.close())

const credentials = { email: 'ada@example.com', password: 'correct horse' }
const post = (url: string, payload: object, cookies = {}) => app.inject({ method: 'POST', url, payload, cookies })
const signedIn = async () => {
  const { cookies } = await post('/login', credentials)
  return Object.fromEntries(cookies.map(({ name, value }) => [name, value]))
}

t.test('a customer gets a token in the shop, and is known by the id there', async t => {
  const { id } = (await post('/register', { name: 'Ada', ...credentials })).json()
  const issued = await post('/tokens', { name: 'ci', scopes: ['orders:read'] }, await signedIn())
  t.match(issued.json(), { data: { name: 'ci', scopes: ['orders:read'] } })
  const headers = { authorization: `Bearer ${issued.json().token}` }
  t.match((await app.inject({ url: '/orders', headers })).json(), { of: id })
  t.equal((await post('/tokens', { name: 'ci' })).statusCode, 401)
})

t.test('the pages need no second sign-in', async t => {
  const page = await app.inject({ url: '/auth/tokens', cookies: await signedIn() })
  t.match(page.body, 'Signed in as <bdi>Ada</bdi>')
})

t.test('a customer who leaves has no tokens', async t => {
  const cookies = await signedIn()
  const { token } = (await post('/tokens', { name: 'ci' }, cookies)).json()
  t.equal((await app.inject({ method: 'DELETE', url: '/account', cookies })).statusCode, 204)
  t.equal((await app.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })).statusCode, 401)
})

import { checkScopes } from 'postern/guard'
import t from 'tap'
import { catalogue, ordersApi } from '../../examples/orders/app.ts'
import { PASSWORD } from '../helpers/app.ts'
import { embedded } from '../helpers/embedding.ts'

const postern = await embedded(t, { catalogue })
const app = await ordersApi(postern)

// @ts-expect-error: with the catalogue's type given, a misspelt scope does not compile.
checkScopes('ordes:read')

/** What the example's users do: get a token from its own `/auth`, and use it. */
async function signIn(email: string, scopes?: string[]) {
  const payload = { email, password: PASSWORD, device_name: 'shop', scopes }
  const issued = await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })
  t.equal(issued.statusCode, 201)
  return { authorization: `Bearer ${issued.json().token}` }
}

for (const name of ['ada', 'grace']) {
  await postern.users.create({ email: `${name}@example.com`, name, password: PASSWORD })
}
const ada = await signIn('ada@example.com', ['orders:read', 'orders:create'])

t.test('an order is placed with all of the scopes, and not with some of them', async t => {
  const place = (headers: object) =>
    app.inject({ method: 'POST', url: '/orders', headers: { ...headers }, payload: { item: 'teapot' } })
  t.match(await place(ada), { statusCode: 201 })
  const refused = await place(await signIn('ada@example.com', ['orders:read']))
  t.equal(refused.statusCode, 403)
  t.match(refused.headers['www-authenticate'], 'scope="orders:read orders:create"')
  t.equal((await place({})).statusCode, 401)
})

t.test('orders are listed with any of the scopes, and another’s only for support', async t => {
  const list = async (headers: object) => (await app.inject({ url: '/orders', headers: { ...headers } })).json()
  t.match(await list(ada), [{ item: 'teapot' }])
  t.strictSame(await list(await signIn('grace@example.com')), [])
  t.match(await list(await signIn('grace@example.com', ['support'])), [{ item: 'teapot' }])
  t.match(await list(await signIn('grace@example.com', ['orders:create'])), { statusCode: 403 })
})

t.test('a handler asks the token itself', async t => {
  const cancel = async (headers: object) =>
    (await app.inject({ method: 'DELETE', url: '/orders/1', headers: { ...headers } })).statusCode
  t.equal(await cancel(ada), 403)
  t.equal(await cancel(await signIn('grace@example.com', ['orders:cancel'])), 404)
  t.equal(await cancel(await signIn('ada@example.com', ['orders:cancel'])), 204)
})

t.test('a revoked token opens nothing, from the very next request on', async t => {
  const headers = await signIn('ada@example.com')
  t.equal((await app.inject({ url: '/orders', headers })).statusCode, 200)
  await app.inject({ method: 'DELETE', url: '/auth/api/tokens/current', headers })
  t.equal((await app.inject({ url: '/orders', headers })).statusCode, 401)
})

import Fastify from 'fastify'
import { decodeJwt } from 'jose'
import { checkScopes, guard, openPostern, tokenOf } from 'postern'
import t from 'tap'
import { embedded } from '../helpers/embedding.ts'
import { userTable } from '../helpers/own-users.ts'

const catalogue = [{ id: 'orders:read', description: 'Read orders', default: true }]
const table = userTable({
  42: { name: 'Ada', email: 'ada@example.com' },
  7: { name: 'Root', email: 'root@example.com', admin: true },
})
const postern = await embedded(t, { catalogue, issuer: 'https://shop.example/auth', users: table })
const app = Fastify()
await app.register(postern.plugin, { prefix: '/auth' })
await app.register(guard, postern.guard)
app.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ of: tokenOf(request).userId }))
t.teardown(() => app.close())

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const orders = async (token: string) => app.inject({ url: '/orders', headers: bearer(token) })
const issue = (user: string, more: object = {}) =>
  postern.tokens.issue({
    user,
    name: 'ci',
    scopes: ['orders:read', 'user:read', 'tokens:write', 'tokens:read'],
    ...more,
  })
const refused = (status: number) => ({ status, message: /./ })
/** A user that no other test of this file uses. */
let people = 1_000
function newcomer(user: object = {}): string {
  const id = String(people++)
  table.rows.set(id, { name: 'Newcomer', ...user })
  return id
}

t.test('the token of a user of the application names that user everywhere', async t => {
  for (const format of ['jwt', 'opaque'] as const) {
    const { token, data } = await issue('42', { format })
    t.match(data, { name: 'ci', scopes: ['orders:read'], revoked: false, created_at: /^\d{4}-.*Z$/ })
    if (format === 'jwt') t.equal(decodeJwt(token).sub, '42')
    t.match((await orders(token)).json(), { of: '42' }, format)
    const me = await app.inject({ url: '/auth/api/user', headers: bearer(token) })
    t.match(me.json(), { data: { id: '42', name: 'Ada', email: 'ada@example.com', role: 'user' } })
    const mine = await app.inject({ url: '/auth/api/tokens', headers: bearer(token) })
    t.ok(mine.json().data.some((one: { id: string }) => one.id === data.id))
  }
})

t.test('a token issues, rotates and revokes others of the same user', async t => {
  const id = newcomer()
  const { token } = await issue(id)
  const headers = bearer(token)
  const payload = { name: 'second', scopes: ['orders:read'] }
  const second = (await app.inject({ method: 'POST', url: '/auth/api/tokens', headers, payload })).json()
  t.match(second, { user: { id } })
  t.match((await orders(second.token)).json(), { of: id })
  const rotated = await app.inject({ method: 'POST', url: `/auth/api/tokens/${second.data.id}/rotate`, headers })
  t.match((await orders(rotated.json().token)).json(), { of: id })
  t.equal((await orders(second.token)).statusCode, 401)
})

t.test('checks do not ask the application each time', async t => {
  const { token } = await issue(newcomer())
  const before = table.calls
  for (let i = 0; i < 50; i++) t.equal((await orders(token)).statusCode, 200)
  t.ok(table.calls - before <= 1, `${table.calls - before} calls`)
})

t.test('the calls of a user’s owner: list, rotate, revoke, revoke all', async t => {
  const user = newcomer()
  const first = await issue(user)
  const second = await issue(user, { name: 'laptop' })
  t.same(
    (await postern.tokens.list({ user })).data.map(({ name }) => name),
    ['laptop', 'ci'],
  )
  t.match((await postern.tokens.list({ user, limit: 1 })).meta, { limit: 1, next_cursor: String })
  t.same((await postern.tokens.list({ user: newcomer() })).data, [])
  const successor = await postern.tokens.rotate({ user, id: first.data.id })
  t.equal((await orders(first.token)).statusCode, 401)
  t.match((await orders(successor.token)).json(), { of: user })
  t.equal(await postern.tokens.revoke({ user, id: second.data.id }), 1)
  await t.rejects(postern.tokens.revoke({ user: '42', id: successor.data.id }), refused(404), 'of another user')
  t.match(await postern.tokens.revokeAll({ user }), { count: 1, complete: true })
  t.equal((await orders(successor.token)).statusCode, 401)
})

t.test('a disabled user is refused at once, and let in again', async t => {
  const user = newcomer()
  const { token } = await issue(user)
  t.equal((await orders(token)).statusCode, 200)
  await postern.users.disable(user)
  t.equal((await orders(token)).statusCode, 401)
  await t.rejects(issue(user), refused(409))
  await postern.users.enable(user)
  t.equal((await orders(token)).statusCode, 200)
  await postern.users.disable('never-seen')
  table.rows.set('never-seen', {})
  await t.rejects(issue('never-seen'), refused(409), 'also one who was never used here')
})

t.test('a removed user has nothing left, also when enabled again', async t => {
  const user = newcomer()
  const { token } = await issue(user)
  await postern.users.remove(user)
  t.equal((await orders(token)).statusCode, 401)
  t.same((await postern.tokens.list({ user })).data, [])
  await t.rejects(issue(user), refused(409))
  await postern.users.enable(user)
  t.equal((await orders(token)).statusCode, 401)
  t.match((await orders((await issue(user)).token)).json(), { of: user })
})

t.test('an unknown user, an invalid id, a misspelt call', async t => {
  await t.rejects(issue('nobody'), refused(404))
  const invalid = ['', '.', '..', ' 42', '42 ', 'a\nb', 'a\0b', 'a\u200bb', '\ud800', 'x'.repeat(10_000), 42, null]
  for (const user of invalid) {
    await t.rejects(issue(user as string), refused(422), JSON.stringify(user)?.slice(0, 20))
    await t.rejects(postern.users.disable(user as string), refused(422))
    await t.rejects(postern.tokens.list({ user: user as string }), refused(422))
  }
  await t.rejects(postern.tokens.list({} as never), /user must be a string/)
})

t.test('ids of every valid shape are used as they are', async t => {
  const shapes = [
    'a/b',
    '%2F',
    '%',
    '..a',
    'Ä',
    'A\u0308',
    '用户',
    '👩‍🚀'.slice(0, 2),
    'x'.repeat(255),
    'ada@example.com',
    'null',
    '-1',
    "o'hara",
  ]
  for (const user of shapes) {
    table.rows.set(user, { name: 'Shape' })
    const { token } = await issue(user)
    t.equal(decodeJwt(token).sub, user)
    t.same((await orders(token)).json(), { of: user }, user.slice(0, 20))
    t.equal((await postern.tokens.list({ user })).data.length, 1, 'no two of them are one')
  }
})

t.test('without the option, the calls say what is missing', async t => {
  const plain = await embedded(t)
  await t.rejects(plain.tokens.issue({ user: '42', name: 'ci' }), /needs the option `users`/)
  await t.rejects(plain.users.remove('42'), /needs the option `users`/)
  await t.rejects(openPostern({ users: {} as never }), /users: find is missing/)
  await t.rejects(openPostern({ users: { find: 1 } as never }), /find must be a function/)
})

t.test('administrators of the application', async t => {
  const scopes = ['admin:read', 'admin:write']
  await t.rejects(issue('42', { scopes }), refused(422))
  const { token } = await issue('7', { scopes })
  const users = () => app.inject({ url: '/auth/admin/users/42', headers: bearer(token) })
  t.match((await users()).json(), { data: { id: '42', name: 'Ada', email: 'ada@example.com' } })
})

t.test('a token gets no administrative scopes by rotating another one', async t => {
  const { token: writer } = await issue('7', { scopes: ['admin:write'] })
  const both = await issue('7', { scopes: ['admin:read', 'admin:write'] })
  const rotate = (by: string) =>
    app.inject({
      method: 'POST',
      url: `/auth/admin/users/by-subject/7/tokens/${both.data.id}/rotate`,
      headers: bearer(by),
    })
  t.match(await rotate(writer), { statusCode: 403, body: /admin:read/ })
  t.equal((await app.inject({ url: '/auth/admin/users', headers: bearer(both.token) })).statusCode, 200, 'still valid')
  t.equal((await rotate(both.token)).statusCode, 201)
})

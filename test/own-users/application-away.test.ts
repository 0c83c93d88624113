import t from 'tap'
import { createApp } from '../../src/app.ts'
import { createDirectory } from '../../src/users/directory.ts'
import { embedded, embeddedServices } from '../helpers/embedding.ts'
import { basic, form } from '../helpers/oauth.ts'
import { userTable } from '../helpers/own-users.ts'
import { possessionsOf, withPossessions } from '../helpers/owned.ts'

const issuer = 'https://shop.example'
const refused = (status: number) => ({ status, message: /./ })
const log = { warn() {}, error() {} }

t.test('an application that is away, slow or wrong is never a yes', async t => {
  const table = userTable({ 42: {} })
  const { tokens } = await embedded(t, { issuer, users: table })
  const answers: [string, (id: string) => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('connect ECONNREFUSED')
      },
    ],
    ['rejects', () => Promise.reject(undefined)],
    ['a text', () => 'yes'],
    ['true', () => true],
    ['a list', () => [{ id: '42' }]],
    ['another user', () => ({ id: '421' })],
    ['disabled as text', () => ({ disabled: 'false' })],
    ['disabled as a number', () => ({ disabled: 0 })],
    ['admin as text', () => ({ admin: 'true' })],
    ['a name that is no text', () => ({ name: {} })],
  ]
  let id = 0
  for (const [what, answer] of answers) {
    table.instead = answer
    await t.rejects(tokens.issue({ user: `4200${id++}`, name: 'ci' }), refused(503), what)
  }
  table.instead = () => null
  await t.rejects(tokens.issue({ user: '4299', name: 'ci' }), refused(404), 'null is no user')
})

t.test('look-ups are shared, bounded in time, and a failure is not repeated at once', async t => {
  let calls = 0
  const aborted = Promise.withResolvers<void>()
  const slow = createDirectory({
    store: async () => {},
    log,
    timeoutMs: 20,
    find: (_id, { signal }) => {
      calls++
      signal.addEventListener('abort', () => aborted.resolve())
      return new Promise(() => {})
    },
  })
  const all = await Promise.allSettled(Array.from({ length: 100 }, () => slow.lookUp('42')))
  t.ok(all.every(one => one.status === 'rejected' && one.reason.status === 503))
  await aborted.promise
  await t.rejects(slow.lookUp('42'), refused(503))
  t.equal(calls, 1)
})

t.test('an answer that could not be stored is not used', async t => {
  const directory = createDirectory({
    log,
    find: () => ({}),
    store: () => Promise.reject(Object.assign(new Error('no database'), { status: 503 })),
  })
  await t.rejects(directory.lookUp('42'), refused(503))
  t.equal(directory.peek('42'), undefined)
})

t.test('what the application says of a user is obeyed once it is learnt', async t => {
  const table = userTable({ 42: {} })
  const { ownTokens, ownUsers, authenticate, db } = await embeddedServices(t, { issuer, users: table })
  const { token } = await ownTokens.issue('42', { name: 'ci', format: 'opaque' })
  const { token: jwt } = await ownTokens.issue('42', { name: 'ci', format: 'jwt' })
  /** As if the answer were outdated. */
  const outdate = () => {
    const answer = ownUsers.peek('42')
    if (answer) answer.validUntil = 0
  }
  const check = async (text: string) => {
    outdate()
    return Promise.resolve()
      .then(() => authenticate(text))
      .then(
        found => found.userId,
        error => error.status,
      )
  }
  t.equal(await check(token), '42')
  table.rows.set('42', { disabled: true })
  t.equal(await check(token), 401)
  t.equal(await check(jwt), 401)
  const events = await db.query<{ n: number }>('select count(*)::int as n from oauth_status_events')
  t.ok((events[0]?.n ?? 0) >= 2, 'guards hear of it')
  table.rows.set('42', { disabled: false })
  t.equal(await check(token), '42', 'and back')
  table.rows.delete('42')
  t.equal(await check(token), 401, 'gone')
  table.rows.set('42', {})
  t.equal(await check(token), '42')
  table.instead = () => {
    throw new Error('away')
  }
  t.equal(await check(token), 503)
  t.equal(await check(jwt), 503)
  table.instead = undefined
  await ownUsers.disable('42')
  t.equal(await check(token), 401, 'what an operator disabled')
  t.equal(await check(token), 401, 'the application does not enable')
})

t.test('an administrator who is none any more loses the scopes of one', async t => {
  const table = userTable({ 7: { admin: true } })
  const { ownTokens, ownUsers, authenticate } = await embeddedServices(t, { issuer, users: table })
  const { token } = await ownTokens.issue('7', { name: 'ops', scopes: ['admin:read'] })
  t.same((await authenticate(token)).scopes, ['admin:read'])
  table.rows.set('7', { admin: false })
  const answer = ownUsers.peek('7')
  if (answer) answer.validUntil = 0
  t.same((await authenticate(token)).scopes, [])
})

t.test('the application shuts out the only maintainer of a service account', async t => {
  const table = userTable({ 42: {}, 43: {} })
  const { ownTokens, ownUsers, authenticate, serviceAccounts, auditLog } = await embeddedServices(t, {
    issuer,
    users: table,
  })
  for (const [subject, leave] of [
    ['42', () => table.rows.delete('42')],
    ['43', () => ownUsers.disable('43')],
  ] as const) {
    const { token } = await ownTokens.issue(subject, { name: 'ci', format: 'opaque' })
    const { id } = await ownUsers.find(subject)
    const account = await serviceAccounts.create({ name: 'robot', maintainers: [id] })
    await leave()
    const answer = ownUsers.peek(subject)
    if (answer) answer.validUntil = 0
    await t.rejects(
      Promise.resolve().then(() => authenticate(token)),
      { status: 401 } as never,
      subject,
    )
    const events = await auditLog.list({ userId: id, kind: 'user.disabled' }, { limit: 1 })
    t.match(events, [{ details: { accounts_without_maintainer: [account.id] } }])
  }
})

t.test('a leaked token is revoked while the application is away', async t => {
  const table = userTable({ 42: {} })
  const services = await embeddedServices(t, { issuer, users: table })
  const { ownTokens, ownUsers, clients } = services
  const app = await createApp({ ...services, close: async () => {} })
  t.teardown(() => app.close())
  const personal = [
    await ownTokens.issue('42', { name: 'ci', format: 'opaque' }),
    await ownTokens.issue('42', { name: 'ci', format: 'jwt' }),
  ]
  const { token, data } = await ownTokens.issue('42', { name: 'app' })
  const { client, secret } = await clients.create({ name: 'App', redirectUris: ['https://app.example/'] })
  await services.db.query('update oauth_access_tokens set client_id = ? where id = ?', [client.id, data.id])
  const answer = ownUsers.peek('42')
  table.instead = () => Promise.reject(new Error('away'))
  for (const { token } of personal) {
    if (answer) answer.validUntil = 0
    const current = (method: 'GET' | 'DELETE') =>
      app.inject({ method, url: '/api/tokens/current', headers: { authorization: `Bearer ${token}` } })
    t.equal((await current('GET')).statusCode, 503)
    t.equal((await current('DELETE')).statusCode, 204)
    t.equal((await current('DELETE')).statusCode, 503, 'it does nothing more')
  }
  t.equal((await form(app, '/oauth/revoke', { token }, basic(client.id, secret))).statusCode, 200)
  const [row] = await services.db.query<{ revoked: boolean }>('select revoked from oauth_access_tokens where id = ?', [
    data.id,
  ])
  t.equal(row?.revoked, true, 'by the app that has it')
})

t.test('an id that was gone for more than an hour may be that of somebody else', async t => {
  const table = userTable({ 42: { admin: true } })
  const services = await embeddedServices(t, { issuer, users: table })
  const { ownTokens, ownUsers, authenticate, db } = services
  const ask = async (user?: object) => {
    if (user) table.rows.set('42', user)
    else table.rows.delete('42')
    const answer = ownUsers.peek('42')
    if (answer) answer.validUntil = 0
    await ownUsers.confirm('42')
  }
  const status = (text: string) =>
    Promise.resolve()
      .then(() => authenticate(text))
      .then(
        () => 200,
        error => error.status,
      )
  const { token, user } = await ownTokens.issue('42', { name: 'ci', scopes: ['admin:read'] })
  const { id } = await ownUsers.find('42')
  await withPossessions(services, id)
  await ask()
  await ask({ admin: true })
  t.equal(await status(token), 200, 'back at once: an error of the application')
  t.equal((await possessionsOf(services, id)).length, 4)

  await ask()
  t.equal(await status(token), 401)
  await db.query(`update users set gone_at = gone_at - interval '2 hours' where id = ?`, [user.id])
  await ask()
  t.equal(await status(token), 401, 'still gone')
  await ask({})
  t.equal(await status(token), 401, 'what the former user had is revoked')
  t.strictSame(await possessionsOf(services, id), [], 'and what the former user owned')
  t.match(await ownUsers.find('42'), { disabledAt: null, goneAt: null, role: 'user' })
  const [enabled] = await services.auditLog.list({ userId: id, kind: 'user.enabled' }, { limit: 1 })
  t.match(enabled, { details: { role: 'user' } }, 'never with the role of the former user')
  t.strictSame((await ownTokens.list('42', { state: 'all' })).data, [], 'nor are the names of its tokens shown')
  t.equal(await status((await ownTokens.issue('42', { name: 'ci' })).token), 200)
  await ask({ admin: true })
  t.match(await ownUsers.find('42'), { role: 'admin' })
  await ownTokens.remove('42')
  t.match(await ownUsers.find('42'), { disabledAt: Date, role: 'user' }, 'and a removed one has no role')
})

import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { mailSettings, openMailServer } from '../helpers/mail.ts'
import { testNodes } from '../helpers/nodes.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'
import { administrator, newServiceAccount } from '../helpers/service-accounts.ts'

const [first, second] = await testNodes(t)
const { app, services } = first
const admin = await administrator(services)
const manage = requester(app, admin.headers)
const ALL = ['orders:read', 'user:read', 'tokens:write']

const handOver = (id: string, user_id: string) => manage.post(`/admin/tokens/${id}/handover`, { user_id })
/** Whose token it is at both nodes; the status if it is refused. */
const ownerOf = (token: string) =>
  Promise.all(
    [first, second].map(async node => {
      const answer = await requester(node.app, bearer(token)).get('/api/user')
      return answer.statusCode === 200 ? answer.json().data.id : answer.statusCode
    }),
  )
const both = (one: unknown) => [one, one]

t.test('an opaque token keeps its text and belongs to the new owner', async t => {
  const { account } = await newServiceAccount(services)
  const hers = await actingAs(services, ALL, { format: 'opaque' })
  t.strictSame(await ownerOf(hers.token), both(hers.user.id))
  await services.users.disable(hers.user.id)
  t.strictSame(await ownerOf(hers.token), both(401), 'the owner has left')
  const answer = await handOver(hers.id, account.id)
  t.equal(answer.statusCode, 200, answer.body)
  t.match(answer.json(), { data: { id: hers.id, user_id: account.id, scopes: ALL }, dropped_scopes: [] })
  t.notOk('token' in answer.json(), 'no text')
  t.strictSame(await ownerOf(hers.token), both(account.id), 'the job that uses it goes on working')
  await services.users.enable(hers.user.id)
  await requester(app, admin.headers).post(`/admin/users/${hers.user.id}/sign-out`)
  t.strictSame(await ownerOf(hers.token), both(account.id), 'nothing of the former owner ends it')
  for (const userId of [hers.user.id, account.id]) {
    const events = await services.auditLog.list({ kind: 'token.handed_over', userId }, { limit: 5 })
    t.match(events, [{ actorUserId: admin.user.id, tokenId: hers.id, details: { from: hers.user.id, to: account.id } }])
  }
  const again = await handOver(hers.id, admin.user.id)
  t.equal(again.statusCode, 200, 'and to a person')
  t.strictSame(await ownerOf(hers.token), both(admin.user.id))
})

t.test('a JWT names its user, so a new one replaces it', async t => {
  const { account } = await newServiceAccount(services)
  const hers = await actingAs(services, ALL, { format: 'jwt' })
  const issued = (await requester(app, hers.headers).post('/api/tokens', { name: 'by it', scopes: [] })).json()
  const answer = await handOver(hers.id, account.id)
  const { token, data } = answer.json()
  t.equal(answer.statusCode, 200, answer.body)
  t.match(data, { name: 'test', user_id: account.id, scopes: ALL, format: 'jwt', last_used_at: null })
  t.not(data.id, hers.id)
  t.strictSame(await ownerOf(hers.token), both(401), 'the old text')
  t.strictSame(await ownerOf(token), both(account.id))
  t.match(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()), { sub: account.id })
  t.strictSame(await ownerOf(issued.token), both(hers.user.id), 'what it issued is still of its owner')
  t.equal((await handOver(hers.id, account.id)).statusCode, 409, 'it has ended')
})

t.test('the family goes on: it ends no later than before', async t => {
  const { account } = await newServiceAccount(services)
  for (const format of ['jwt', 'opaque'] as const) {
    const hers = await actingAs(services, [...ALL, 'tokens:rotate'], { format })
    const before = await services.tokens.find(hers.user.id, hers.id)
    const { data } = (await handOver(hers.id, account.id)).json()
    const after = await services.tokens.find(account.id, data.id)
    t.strictSame(after.familyExpiresAt, before.familyExpiresAt)
    t.equal(after.family, before.family)
    t.strictSame([after.issuedBy, after.successor], [null, null])
  }
})

t.test('scopes that the new owner may not have are dropped', async t => {
  const { account } = await newServiceAccount(services, undefined, ['orders:read'])
  const chief = await actingAs(services, ['admin:read', 'orders:read', 'reports'], { role: 'admin', format: 'opaque' })
  const answer = (await handOver(chief.id, account.id)).json()
  t.match(answer, { data: { scopes: ['orders:read'] }, dropped_scopes: ['reports', 'admin:read'] })
  const all = await actingAs(services, ['*'], { format: 'opaque' })
  t.match((await handOver(all.id, account.id)).json().data.scopes.sort(), ['orders:read', 'tokens:rotate'])

  const other = await actingAs(services, ['admin:read'], { role: 'admin', format: 'opaque' })
  const narrow = await actingAs(services, ['admin:write'], { role: 'admin' })
  const by = requester(app, narrow.headers)
  const refused = await by.post(`/admin/tokens/${other.id}/handover`, { user_id: admin.user.id })
  t.match(refused.json(), { status: 403, missing: ['admin:read'] }, 'an administrator hands over what they have')
  t.strictSame((await services.tokens.find(other.user.id, other.id)).scopes, ['admin:read'], 'nothing happened')
})

t.test('what hangs on a token: exchanged tokens end, the text that it replaced ends', async t => {
  const { account } = await newServiceAccount(services)
  const hers = await actingAs(services, [...ALL, 'tokens:rotate'], { format: 'opaque' })
  const child = (await form(app, '/oauth/token', exchangeOf(hers.token))).json().access_token
  t.strictSame(await ownerOf(child), both(hers.user.id))
  const own = requester(app, hers.headers)
  const rotated = (await own.post('/api/tokens/current/rotate', { overlap: 3_600 })).json()
  t.match((await handOver(hers.id, account.id)).json(), { status: 409, detail: new RegExp(rotated.data.id) })
  t.equal((await handOver(rotated.data.id, account.id)).statusCode, 200)
  t.strictSame(await ownerOf(hers.token), both(401), 'the replaced text')
  t.strictSame(await ownerOf(child), both(401), 'it named the former owner')
  t.strictSame(await ownerOf(rotated.token), both(account.id))
})

t.test('what is wrong is said', async t => {
  const hers = await actingAs(services, ALL)
  const gone = await newUser(services)
  await services.users.disable(gone.id)
  const status = async (id: string, to: string) => (await handOver(id, to)).statusCode
  t.equal(await status(hers.id, hers.user.id), 422, 'the same owner')
  t.equal(await status(hers.id, hers.id), 422, 'no user')
  t.equal(await status(hers.id, 'nobody'), 422)
  t.equal(await status(hers.id, gone.id), 409, 'a disabled owner')
  t.equal(await status(gone.id, admin.user.id), 404)
  t.equal(await status('x', admin.user.id), 404)
  await services.tokens.change(hers.user, hers.id, { suspended: true })
  t.match((await handOver(hers.id, admin.user.id)).json(), { status: 409, detail: /suspended/ })
  t.equal((await requester(app, hers.headers).post(`/admin/tokens/${hers.id}/handover`, {})).statusCode, 401)
  const user = await actingAs(services, ALL)
  const refused = await requester(app, user.headers).post(`/admin/tokens/${user.id}/handover`, {
    user_id: hers.user.id,
  })
  t.equal(refused.statusCode, 403)
})

t.test('handed to two owners at once, and handed over while the new owner is disabled', async t => {
  for (const format of ['opaque', 'jwt'] as const) {
    const [ada, bob] = [await newUser(services), await newUser(services)]
    const hers = await actingAs(services, ALL, { format })
    const at = ({ app }: typeof first, user: { id: string }) =>
      requester(app, admin.headers).post(`/admin/tokens/${hers.id}/handover`, { user_id: user.id })
    const answers = await Promise.all([at(first, ada), at(second, bob)])
    const moved = answers.filter(({ statusCode }) => statusCode === 200)
    t.ok(moved.length >= 1 && answers.every(({ statusCode }) => [200, 409].includes(statusCode)), answers[0]?.body)
    const owned = await Promise.all([ada, bob].map(({ id }) => services.tokens.list(id, { limit: 5 })))
    t.equal(owned.flat().length, 1, 'one of them has it')

    const [row] = owned.flat()
    const leaving = await newUser(services)
    const [answer] = await Promise.all([
      requester(second.app, admin.headers).post(`/admin/tokens/${row?.id}/handover`, { user_id: leaving.id }),
      services.users.disable(leaving.id),
    ])
    const text = format === 'opaque' ? hers.token : answer.json().token
    if (answer.statusCode === 200)
      t.strictSame(await ownerOf(text), both(401), 'no token of a disabled user is accepted')
    else t.equal(answer.statusCode, 409)
  }
})

t.test('the new owner, and who looks after a new account, are told by mail', async t => {
  const server = await openMailServer(t)
  const { app, services } = await testApp(t, mailSettings(server))
  const mail = services.mail.start(services.composeMail)
  t.teardown(() => mail.close())
  const root = requester(app, (await administrator(services)).headers)
  const { account, person } = await newServiceAccount(services)
  const hers = await actingAs(services, ALL, { format: 'opaque' })
  const bob = await newUser(services)
  await root.post(`/admin/tokens/${hers.id}/handover`, { user_id: bob.id })
  const { text } = await server.take(String(bob.email))
  t.match(text, /token named “test” to your account/)
  t.match(text, /former owner may have kept a copy\. To make it useless, regenerate/)
  await root.post(`/admin/tokens/${hers.id}/handover`, { user_id: account.id })
  t.match((await server.take(String(person.email))).text, new RegExp(`to the service account ${account.name}`))
})

import t from 'tap'
import { actingAs, newUser, PASSWORD } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { withApp, withPasskey } from '../helpers/factors.ts'
import { mailSettings, openMailServer } from '../helpers/mail.ts'
import { copyToken } from '../helpers/many.ts'
import { possessionsOf, withPossessions } from '../helpers/owned.ts'
import { operations, person, testDirectory } from '../helpers/scim.ts'

const mails = await openMailServer(t)
const { app, services, scim } = await testDirectory(t, { scimAdopt: true, ...mailSettings(mails) })
services.listen()

/** A user with a password whom the directory has adopted. */
async function adopted() {
  const user = await newUser(services)
  const body = person({ userName: user.email, emails: [{ value: user.email, primary: true }] })
  t.equal((await scim('POST', '/Users', body)).json().id, user.id)
  return { user, body }
}
const status = async (headers: { authorization: string }) =>
  (await app.inject({ url: '/api/tokens/current', headers })).statusCode
const another = (id: string, value: string) =>
  scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'externalId', value }))

t.test('another external id leaves nothing of the former person', async t => {
  const { user } = await adopted()
  const { headers } = await actingAs(services, ['tokens:read'], { user })
  const browser = new Browser(app)
  await browser.signIn(user)
  t.equal((await browser.get('/tokens')).statusCode, 200)
  const changed = await another(user.id, 'somebody-else')
  t.match(changed.json(), { id: user.id, externalId: 'somebody-else', active: true }, changed.body)
  t.equal(await status(headers), 401, 'tokens')
  t.equal((await browser.get('/tokens')).statusCode, 303, 'sessions')
  const payload = { email: user.email, password: PASSWORD, name: 'x' }
  t.equal((await app.inject({ method: 'POST', url: '/api/tokens', payload })).statusCode, 401, 'the password')
  t.match(await services.users.find(user.id), { hasPassword: false, disabledAt: null })
  const events = await services.auditLog.list({ userId: user.id, kind: 'session.ended' }, { limit: 1 })
  t.match(events, [{ details: { external_id_changed: true } }])
})

t.test('nor apps, trusts, consents and service accounts; administrators are told of those', async t => {
  const administrator = await newUser(services, 'admin')
  const { user } = await adopted()
  const { client, trust, account } = await withPossessions(services, user.id)
  t.equal((await possessionsOf(services, user.id)).length, 4)
  t.equal((await another(user.id, 'owns-nothing')).statusCode, 200)
  t.strictSame(await possessionsOf(services, user.id), [])
  t.match(await services.clients.find(client.id), { revoked: true, user: null })
  await t.rejects(services.trusts.find(trust.id), { status: 404 } as never)
  t.match(await services.serviceAccounts.find(account.id), { maintainers: [], disabledAt: null })
  const told = await mails.take(administrator.email)
  t.match(told.text, /Nobody maintains .*: Deployments\./)
  const other = await adopted()
  await withPossessions(services, other.user.id)
  const both = [
    { op: 'Replace', path: 'externalId', value: 'disabled-too' },
    { op: 'Replace', path: 'active', value: false },
  ]
  t.equal((await scim('PATCH', `/Users/${other.user.id}`, operations(...both))).statusCode, 200)
  await services.factors.reset(administrator.id)
  t.match((await mails.take(administrator.email)).subject, /without a maintainer/)
  t.match((await mails.take(administrator.email)).subject, /second factors/, 'and only once')
  const kinds = (await services.auditLog.list({}, { limit: 30 })).map(({ kind }) => kind)
  for (const kind of ['client.revoked', 'trust.removed', 'maintainer.removed'])
    t.ok(kinds.includes(kind as never), kind)
})

t.test('nor the role of an administrator, nor the names of tokens', async t => {
  await newUser(services, 'admin')
  const { user } = await adopted()
  await services.users.update(user.id, { role: 'admin' })
  const { headers } = await actingAs(services, ['admin:read'], { user: { ...user, role: 'admin' } })
  const ended = await actingAs(services, ['tokens:read'], { user })
  await services.tokens.revoke(user.id, ended.id)
  t.equal((await app.inject({ url: '/admin/users', headers })).statusCode, 200)
  t.equal((await another(user.id, 'no-administrator')).statusCode, 200)
  t.match(await services.users.find(user.id), { role: 'user' })
  t.match(await services.auditLog.list({ userId: user.id, kind: 'user.changed' }, { limit: 1 }), [
    { details: { role: 'user' } },
  ])
  for (const state of ['all', 'ended'] as const)
    t.strictSame(await services.tokens.list(user.id, { state, limit: 10 }), [], state)
  await t.rejects(services.tokens.find(user.id, ended.id), { status: 404 } as never)
})

t.test('nor a second factor', async t => {
  const { user } = await adopted()
  await withApp(services, user)
  await withPasskey(services, user)
  t.equal((await another(user.id, 'a-third')).statusCode, 200)
  t.strictSame(await services.factors.list(user.id), { passkeys: [], app: undefined, recoveryCodes: 0 })
})

t.test('the same one, a first one and a refused one change nothing', async t => {
  const { user, body } = await adopted()
  const { headers } = await actingAs(services, ['tokens:read'], { user })
  const other = await adopted()
  await withPossessions(services, user.id)
  t.equal((await scim('PUT', `/Users/${user.id}`, { ...body, displayName: 'Grace' })).statusCode, 200)
  t.equal((await another(user.id, other.body.externalId)).statusCode, 409)
  t.equal(await status(headers), 200)
  t.equal((await possessionsOf(services, user.id)).length, 4)
})

t.test('thousands of tokens are revoked too', async t => {
  const { user } = await adopted()
  const { id, headers } = await actingAs(services, ['tokens:read'], { user })
  await copyToken(services, id, 1_500)
  t.equal((await another(user.id, 'a-fourth')).statusCode, 200)
  t.equal(await status(headers), 401)
  const left = await services.db.query('select from oauth_access_tokens where user_id = ? and not revoked', [user.id])
  t.equal(left.length, 0)
})

import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { STATUS, StatusBits } from '../../packages/guard/src/status-bits.ts'
import { type Actor, runWithActor } from '../../src/audit/actor.ts'
import type { Services } from '../../src/services.ts'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { basic, form } from '../helpers/oauth.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

/** What resource servers that ask nobody are told of tokens that are made beside a change of their user or client. */

const { app, services } = await testApp(t)

async function statusOf({ lists }: Services, text: string): Promise<number> {
  const reference = referenceOf(text)
  await lists.catchUp()
  const list = await lists.signed(listOf(reference))
  const { lst } = decodeJwt(String(list?.jwt)).status_list as { lst: string }
  return StatusBits.decode(lst).get(reference.idx)
}

async function madeBeside(t: Test, issue: () => Promise<{ plainText: string }>, change: () => Promise<unknown>) {
  const issued = Promise.allSettled(Array.from({ length: 10 }, issue))
  await change()
  const made = (await issued).flatMap(one => (one.status === 'fulfilled' ? [one.value.plainText] : []))
  for (const text of made) t.not(await statusOf(services, text), STATUS.valid)
  return made
}

t.test('a token made while its user is disabled is good nowhere', async t => {
  const user = await newUser(services)
  const issue = () => services.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'] })
  await madeBeside(t, issue, () => services.users.disable(user.id))
  await t.rejects(issue(), { code: 'conflict' })
})

t.test('one with a right of the administration, while the user loses it', async t => {
  await newUser(services, 'admin')
  const user = await newUser(services, 'admin')
  const issue = () => services.tokens.issuePersonal({ user, name: 'beside', scopes: ['admin:read'] })
  await madeBeside(t, issue, () => services.users.update(user.id, { role: 'user' }))
  await t.rejects(issue(), { code: 'conflict' }, 'whatever it was when the request came')
})

t.test('a successor made while its user is disabled', async t => {
  const user = await newUser(services)
  const old = await services.tokens.issuePersonal({ user, name: 'old', scopes: ['orders:read'] })
  await madeBeside(
    t,
    () => services.tokens.rotate(user, old.token.id),
    () => services.users.disable(user.id),
  )
})

t.test('a successor has no right of the administration that its user has lost', async t => {
  const user = await newUser(services, 'admin')
  const old = await services.tokens.issuePersonal({ user, name: 'old', scopes: ['admin:read', 'orders:read'] })
  await services.users.update(user.id, { role: 'user' })
  const { token, plainText } = await services.tokens.rotate({ id: user.id, role: 'user' }, old.token.id)
  t.same(token.scopes, ['orders:read'])
  t.equal(decodeJwt(plainText).scope, 'orders:read')
})

t.test('what a token makes while all tokens of its user are revoked goes with them', async t => {
  const user = await newUser(services)
  const asking = await actingAs(services, ['tokens:write', 'orders:read'], { user })
  const issuingToken = await services.authenticate(asking.token)
  const issue = () => services.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'], issuingToken })
  await madeBeside(t, issue, () => services.tokens.revokeAll(user.id))
  t.same(await services.tokens.list(user.id, { limit: 5 }), [])
  await t.rejects(issue(), { code: 'conflict' })
})

t.test('a request in flight makes nothing that outlasts what it is made with', async t => {
  const user = await newUser(services)
  await new Browser(app).signIn(user)
  const { id: sessionId } = (await services.sessions.list(user.id))[0] as { id: string }
  const asking = await actingAs(services, ['clients:write'], { user })
  const byPassword = await services.users.find(user.id)
  const nothing = { userId: user.id, clientId: null, tokenId: null, sessionId: null, address: null }
  const session = { ...nothing, sessionId }
  const issue = (more = {}) => services.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'], ...more })
  const theApp = { name: 'beside', userId: user.id, redirectUris: ['https://app.example/cb'], withinQuota: true }
  const register = () => services.clients.create(theApp)
  const acts: [actor: Actor, work: () => Promise<unknown>][] = [
    [session, issue],
    [session, () => issue({ withinQuota: true })],
    [session, async () => services.tokens.rotate(user, (await issue()).token.id)],
    [session, register],
    [{ ...nothing, tokenId: asking.id }, register],
    [nothing, () => issue({ byPassword, withinQuota: true })],
  ]
  for (const [actor, work] of acts) await runWithActor(actor, work)
  await services.signOut(user.id)
  await services.users.setPassword(user.id, 'another horse battery')
  const { token } = await issue()
  acts[2] = [session, () => services.tokens.rotate(user, token.id)]
  const apps = (await services.clients.list({ limit: 200 })).length
  for (const [actor, work] of acts)
    await t.rejects(runWithActor(actor, work), { message: /signed out|authorized|password/ })
  const left = await services.tokens.list(user.id, { limit: 10 })
  t.strictSame(
    left.map(({ id }) => id),
    [token.id],
    'neither a token nor a successor',
  )
  t.equal((await services.clients.list({ limit: 200 })).length, apps, 'nor an app')
})

t.test("a machine's token made while its client is revoked", async t => {
  const { client, secret } = await services.clients.create({ name: 'beside' })
  const ask = () => form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(client.id, secret))
  const asked = Array.from({ length: 10 }, ask)
  await services.clients.revoke(client.id)
  for (const answer of await Promise.all(asked)) {
    const { access_token, error } = answer.json()
    if (access_token) t.not(await statusOf(services, access_token), STATUS.valid)
    else t.equal(error, 'invalid_client')
  }
})

t.test('who is held by a long change holds up nobody else', ONLY_SHARED, async t => {
  const [held, other] = [await newUser(services), await newUser(services)]
  const issue = (user: typeof held) => services.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'] })
  let waiting: Promise<unknown> | undefined
  await services.db.transaction(async em => {
    await em.execute('select id from users where id = ? for no key update', [held.id])
    waiting = issue(held)
    t.ok((await issue(other)).plainText, 'while the change goes on')
  })
  await waiting
})

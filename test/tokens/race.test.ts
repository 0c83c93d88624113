import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { STATUS, StatusBits } from '../../packages/guard/src/status-bits.ts'
import type { House } from '../../src/house.ts'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

/** What resource servers that ask nobody are told of tokens that are made beside a change of their user or client. */

const { app, house } = await testApp(t)

async function statusOf({ lists }: House, text: string): Promise<number> {
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
  for (const text of made) t.not(await statusOf(house, text), STATUS.valid)
  return made
}

t.test('a token made while its user is disabled is good nowhere', async t => {
  const user = await newUser(house)
  const issue = () => house.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'] })
  await madeBeside(t, issue, () => house.users.disable(user.id))
  await t.rejects(issue(), { code: 'conflict' })
})

t.test('one with a right of the administration, while the user loses it', async t => {
  await newUser(house, 'admin')
  const user = await newUser(house, 'admin')
  const issue = () => house.tokens.issuePersonal({ user, name: 'beside', scopes: ['admin:read'] })
  await madeBeside(t, issue, () => house.users.update(user.id, { role: 'user' }))
  await t.rejects(issue(), { code: 'conflict' }, 'whatever it was when the request came')
})

t.test('a successor made while its user is disabled', async t => {
  const user = await newUser(house)
  const old = await house.tokens.issuePersonal({ user, name: 'old', scopes: ['orders:read'] })
  await madeBeside(
    t,
    () => house.tokens.rotate(user, old.token.id),
    () => house.users.disable(user.id),
  )
})

t.test('a successor has no right of the administration that its user has lost', async t => {
  const user = await newUser(house, 'admin')
  const old = await house.tokens.issuePersonal({ user, name: 'old', scopes: ['admin:read', 'orders:read'] })
  await house.users.update(user.id, { role: 'user' })
  const { token, plainText } = await house.tokens.rotate({ id: user.id, role: 'user' }, old.token.id)
  t.same(token.scopes, ['orders:read'])
  t.equal(decodeJwt(plainText).scope, 'orders:read')
})

t.test('what a token makes while all tokens of its user are revoked goes with them', async t => {
  const user = await newUser(house)
  const asking = await actingAs(house, ['tokens:write', 'orders:read'], { user })
  const within = await house.authenticate(asking.token)
  const issue = () => house.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'], within })
  await madeBeside(t, issue, () => house.tokens.revokeAll(user.id))
  t.same(await house.tokens.list(user.id, { limit: 5 }), [])
  await t.rejects(issue(), { code: 'conflict' })
})

t.test("a machine's token made while its client is revoked", async t => {
  const { client, secret } = await house.clients.create({ name: 'beside' })
  const ask = () => form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(client.id, secret))
  const asked = Array.from({ length: 10 }, ask)
  await house.clients.revoke(client.id)
  for (const answer of await Promise.all(asked)) {
    const { access_token, error } = answer.json()
    if (access_token) t.not(await statusOf(house, access_token), STATUS.valid)
    else t.equal(error, 'invalid_client')
  }
})

t.test('who is held by a long change holds up nobody else', ONLY_SHARED, async t => {
  const [held, other] = [await newUser(house), await newUser(house)]
  const issue = (user: typeof held) => house.tokens.issuePersonal({ user, name: 'beside', scopes: ['orders:read'] })
  let waiting: Promise<unknown> | undefined
  await house.db.transaction(async em => {
    await em.execute('select id from users where id = ? for no key update', [held.id])
    waiting = issue(held)
    t.ok((await issue(other)).plainText, 'while the change goes on')
  })
  await waiting
})

import t, { type Test } from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { type Held, letIn, opens, refresh } from '../helpers/family.ts'

const { app, house } = await testApp(t, { refreshGrace: 60 })

const traded = async (t: Test, held: Held, more = {}) => {
  const answer = await refresh(app, held, more)
  t.equal(answer.statusCode, 200, answer.body)
  return answer.json()
}

const dead = async (t: Test, held: Held, refreshToken: string) => {
  t.match((await refresh(app, { ...held, refreshToken })).json(), { error: 'invalid_grant' })
}

const later = (seconds: number, { grant }: Held) =>
  house.db.query(
    `update oauth_refresh_tokens set used_at = used_at - ? * interval '1 s' where grant_id = ? and used_at is not null`,
    [seconds, grant],
  )

const kept = ({ grant }: Held) =>
  house.db.query<{ replay: string }>(
    'select replay from oauth_refresh_tokens where grant_id = ? and replay is not null',
    [grant],
  )

t.test('a lost answer is had again, and the family does not fork', async t => {
  const held = await letIn(house, await newUser(house))
  const first = await traded(t, held)
  await later(30, held)
  const again = await traded(t, held)
  t.match(again, { ...first, expires_in: Number })
  t.ok(again.expires_in <= first.expires_in)
  t.equal(await opens(app, again.access_token), 200)
  const links = await house.db.query('select id from oauth_refresh_tokens where grant_id = ?', [held.grant])
  t.equal(links.length, 2)
  await traded(t, { ...held, refreshToken: again.refresh_token })
})

t.test('what is left of the access token is said', async t => {
  const held = await letIn(house, await newUser(house), { accessTokenLifetime: 1 })
  await traded(t, held)
  const again = await traded(t, held)
  t.ok(again.expires_in === 0 || again.expires_in === 1, `${again.expires_in}`)
})

t.test('twenty at once get one answer', async t => {
  const held = await letIn(house, await newUser(house))
  const answers = await Promise.all(Array.from({ length: 20 }, () => traded(t, held)))
  t.equal(new Set(answers.map(a => a.refresh_token)).size, 1)
  t.equal(new Set(answers.map(a => a.access_token)).size, 1)
  await traded(t, { ...held, refreshToken: answers[0].refresh_token })
})

t.test('once the grace is over it is theft', async t => {
  const held = await letIn(house, await newUser(house))
  const first = await traded(t, held)
  await later(61, held)
  await dead(t, held, held.refreshToken)
  await dead(t, held, first.refresh_token)
  t.equal(await opens(app, first.access_token), 401)
  t.same(await kept(held), [], 'and the answer is kept no longer')
})

t.test('once the answer was received it is theft', async t => {
  const held = await letIn(house, await newUser(house))
  const first = await traded(t, held)
  const second = await traded(t, { ...held, refreshToken: first.refresh_token })
  t.equal((await kept(held)).length, 1, 'only the last answer is kept')
  await dead(t, held, held.refreshToken)
  await dead(t, held, second.refresh_token)
  t.equal(await opens(app, second.access_token), 401)
})

t.test('a replay is for the client alone, and not for a user who is disabled or took it back', async t => {
  const user = await newUser(house)
  const [held, other] = [await letIn(house, user), await letIn(house, user)]
  const first = await traded(t, held)
  await dead(t, { ...held, headers: other.headers }, held.refreshToken)
  t.match((await refresh(app, held, { scope: 'reports' })).json(), { error: 'invalid_scope' })
  await house.users.disable(user.id)
  await dead(t, held, held.refreshToken)
  await house.users.enable(user.id)
  t.equal((await traded(t, held)).access_token, first.access_token)
  await house.changes.transaction((em, announce) => house.refresh.revokeGrant(em, announce, held.grant))
  await dead(t, held, held.refreshToken)
  t.same(await kept(held), [])
})

t.test('the database alone cannot read what it keeps', async t => {
  const held = await letIn(house, await newUser(house))
  const first = await traded(t, held)
  const [row] = await kept(held)
  const [head = '', , , body = ''] = row?.replay.split('.') ?? []
  t.same(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'dir', enc: 'A256GCM' })
  t.notMatch(row?.replay, first.refresh_token)
  t.notMatch(Buffer.from(body, 'base64url').toString('latin1'), 'postr_')
})

t.test('without a grace nothing is kept', async t => {
  const { app, house } = await testApp(t)
  const held = await letIn(house, await newUser(house))
  t.equal((await refresh(app, held)).statusCode, 200)
  t.same(await house.db.query('select id from oauth_refresh_tokens where replay is not null'), [])
})

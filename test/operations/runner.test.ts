import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createOperations } from '../../src/operations/operations.ts'
import { prune } from '../../src/tokens/prune.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { grantAccess, grantAgain, opens, refresh } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'
import { AT_ONCE, by, ended, leaveOperation } from '../helpers/operation.ts'

const { app, services } = await testApp(t)
const { db, bus, operations } = services
const live = (userId: string) => services.tokenAdmin.count({ userId })
const nothingLeft = async () => 0

t.test('what a node has left, two others finish, and each token is revoked once', async t => {
  const { operation, user } = await leaveOperation(services, 5_500)
  const one = operations.start()
  await one.close()
  const found = await operations.find(operation.id)
  t.equal(found?.status, 'running', 'a node that closes finishes its batch only')
  const nodes = [operations.start(), operations.start()]
  const { status, count } = await ended(services, operation.id)
  await Promise.all(nodes.map(node => node.close()))
  t.strictSame([status, count, await live(user.id)], ['succeeded', 5_502, 0])
  const revoked = await db.query<{ n: number }>(
    `select count(*)::int as n from audit_events where kind = 'token.revoked' and user_id = ?`,
    [user.id],
  )
  t.equal(revoked[0]?.n, 5_502)
})

t.test('tokens that were issued after the request stay', async t => {
  const { operation, user } = await leaveOperation(services)
  const later = await actingAs(services, ['orders:read'], { user })
  const runner = operations.start()
  await ended(services, operation.id)
  await runner.close()
  t.equal(await live(user.id), 1)
  t.equal(await opens(app, later.token), 200)
})

t.test('a repeated request also covers what was issued since the first one, in the same operation', async t => {
  const { operation, user, id } = await leaveOperation(services)
  const since = await actingAs(services, ['orders:read'], { user })
  await copyToken(services, since.id, 1_500, 600_000)
  const options = { ...AT_ONCE, lastTokenId: id }
  const repeated = await by({ user, id }, () => services.tokens.revokeAll(user.id, options))
  t.equal(repeated.operation?.id, operation.id)
  const runner = operations.start()
  const done = await ended(services, operation.id)
  await runner.close()
  t.strictSame([done.status, done.count, await live(user.id)], ['succeeded', 2_502 + 1_501, 0])
})

t.test('whoever authorizes an app again while its withdrawal goes on keeps that', async t => {
  const me = await actingAs(services, ['clients:write'])
  const granted = await grantAccess(services, me.user, { scopes: ['orders:read'] })
  const [token] = await services.tokenAdmin.list({ clientId: granted.client.id }, { limit: 1 })
  await copyToken(services, token?.id as string, 1_500)
  const withdraw = () => services.authorizations.withdraw(me.user.id, granted.client.id, AT_ONCE)
  const { operation } = await by(me, withdraw)
  const again = await grantAgain(services, me.user, granted.client, ['orders:read'])
  const runner = operations.start()
  t.equal((await ended(services, operation?.id as string)).status, 'succeeded')
  await runner.close()
  t.ok(await services.authorizations.find(me.user.id, granted.client.id))
  t.strictSame([await opens(app, again.accessToken), await opens(app, granted.accessToken)], [200, 401])
  const refreshed = { headers: granted.headers, refreshToken: again.refreshToken }
  t.equal((await refresh(app, refreshed)).statusCode, 200)
  t.equal((await refresh(app, granted)).statusCode, 400)
})

t.test('everything that many tokens belong to goes on by itself', async t => {
  const admin = await actingAs(services, ['admin:write'], { role: 'admin' })
  for (const start of [
    (user: string) => services.signOut(user, AT_ONCE),
    (userId: string) => services.tokenAdmin.revoke({ userId, createdBefore: new Date(Date.now() + 60_000) }, AT_ONCE),
  ]) {
    const { user, id } = await actingAs(services, ['orders:read'])
    await copyToken(services, id, 2_500)
    const { operation, count } = await by(admin, () => start(user.id))
    t.equal(count, 1_000)
    const runner = operations.start()
    t.match(await ended(services, operation?.id as string), { status: 'succeeded', count: 2_501, total: 2_501 })
    await runner.close()
    t.equal(await live(user.id), 0)
  }
})

t.test('an operation whose batches fail waits behind the others, and fails in the end', async t => {
  const errors: [unknown, string | undefined][] = []
  const mine = createOperations({ db, bus, onError: (error, id) => void errors.push([error, id]) })
  const user = randomUUID()
  let calls = 0
  const failing = mine.define<{ user: string }>('test_failing', {
    step: async () => {
      if (calls++ === 0) return { count: 1, last: false, state: {} }
      throw new Error('out of order')
    },
    remaining: nothingLeft,
  })
  const passing = mine.define<{ user: string }>('test_passing', {
    step: async (_em, _publish, _input, { state }) => ({
      count: 1,
      last: state.begun === 'yes',
      state: { begun: 'yes' },
    }),
    remaining: nothingLeft,
  })
  const { operation: broken } = await failing({ user }, AT_ONCE)
  const { operation: sound } = await passing({ user }, AT_ONCE)
  // Each node runs one batch and closes: the failing one six times, the other twice.
  for (let i = 0; i < 8; i++) {
    await mine.start().close()
    await db.query(`update operations set updated_at = updated_at - interval '1 minute' where id = ?`, [broken?.id])
  }
  t.equal((await mine.find(sound?.id as string))?.status, 'succeeded')
  t.match(await mine.find(broken?.id as string), { status: 'failed', failures: 50, count: 1 })
  t.equal(errors.length, 5)
  t.ok(errors.every(([error, id]) => (error as Error).message === 'out of order' && id === broken?.id))
  const [event] = await services.auditLog.list({ userId: user }, { limit: 1 })
  t.match(event, { kind: 'operation.failed', details: { operation: broken?.id } })
})

t.test('a node does not run what only a later version understands', async t => {
  const { user, id } = await actingAs(services, ['orders:read'])
  await copyToken(services, id, 1_500)
  const { operation } = await by({ user, id }, () => services.tokenAdmin.revoke({ userId: user.id }, AT_ONCE))
  await db.query(`update operations set input = input || '{"idle_days":"30"}' where id = ?`, [operation?.id])
  for (let i = 0; i < 3; i++) await operations.start().close()
  t.match(await operations.find(operation?.id as string), { status: 'running', failures: 0, count: 1_000 })
  t.equal(await live(user.id), 501)
  await operations.cancel(operation?.id as string)
})

t.test('operations that have ended are deleted after a week, and running ones are not', async t => {
  const { operation, user } = await leaveOperation(services)
  const runner = operations.start()
  await ended(services, operation.id)
  await runner.close()
  const other = await leaveOperation(services)
  await db.query(`update operations set expires_at = expires_at - interval '8 days' where id = ?`, [operation.id])
  await prune(db, { revoked: false, expired: true, hours: 0 })
  t.equal(await operations.find(operation.id), undefined)
  t.ok(await operations.find(other.operation.id))
  t.equal(await live(user.id), 0)
})

import t from 'tap'
import { LOCKS } from '../../src/database/locks.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { connected, eventually, type Node, ONLY_SHARED, openNodes } from '../cluster/nodes.ts'
import { newUser } from '../helpers/app.ts'
import { grantAccess } from '../helpers/granted-tokens.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** How many connections to this database wait for a lock. */
async function waitingForLocks({ services }: Node): Promise<number> {
  const [row] = await services.db.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return row?.n ?? 0
}

t.test('what is redeemed beside the revocation of a client is issued to nobody', ONLY_SHARED, async t => {
  const [one, two] = (await openNodes(t, 2)) as [Node, Node]
  t.ok((await connected(one)) && (await connected(two)))
  const user = await newUser(one.services)

  /** Redeems while the revocation has the client and waits. @returns tokens that were issued all the same */
  async function beside(clientId: string, redeem: () => ReturnType<typeof form>): Promise<string[]> {
    const waiting = () => waitingForLocks(one)
    let redeemed: ReturnType<typeof form> | undefined
    let revoked: Promise<void> | undefined
    await two.services.db.transaction(async em => {
      await em.execute('select pg_advisory_xact_lock(?)', [LOCKS.statusEvents])
      revoked = one.services.clients.revoke(clientId)
      t.ok(await eventually(async () => (await waiting()) === 1, one), 'the revocation waits')
      redeemed = redeem()
      t.ok(await eventually(async () => (await waiting()) === 2, one), 'and whoever redeems waits for it')
    })
    await revoked
    const answer = await redeemed
    t.not(answer?.statusCode, 200, answer?.body ?? '')
    const rows = await one.services.db.query<{ id: string }>(
      `select t.id from oauth_access_tokens t
       where t.client_id = ? and not exists (
         select from oauth_status_events e where e.status_list = t.status_list and e.status_index = t.status_index)`,
      [clientId],
    )
    return rows.map(({ id }) => id)
  }

  t.test('a device code', async t => {
    const { client, secret } = await one.services.clients.create({ name: 'tv', grantTypes: [DEVICE_CODE] })
    const begun = await one.services.device.start({ client, params: { scope: 'orders:read' } })
    const { id } = (await one.services.device.find(begun.user_code, { address: '127.0.0.1', shared: false })) ?? {
      id: '',
    }
    await one.services.device.approve(id, user)
    const params = { grant_type: DEVICE_CODE, device_code: begun.device_code }
    const redeem = () => form(two.app, '/oauth/token', params, basic(client.id, secret))
    await two.services.clientAuthentication.find(client.id)
    t.strictSame(await beside(client.id, redeem), [])
  })

  t.test('an exchange, beside the revocation of the client of the first token', async t => {
    const granted = await grantAccess(one.services, user)
    const { client, secret } = await one.services.clients.create({
      name: 'worker',
      grantTypes: [exchangeOf('').grant_type],
      scopes: ['orders:read'],
    } as never)
    const trade = () => form(two.app, '/oauth/token', exchangeOf(granted.accessToken), basic(client.id, secret))
    t.equal((await trade()).statusCode, 200, 'before it is')
    await beside(granted.client.id, trade)
    const [row] = await one.services.db.query<{ n: number }>(
      'select count(*)::int as n from oauth_access_tokens where client_id = ?',
      [client.id],
    )
    t.equal(row?.n, 1, 'only the one from before')
  })
})

t.test('a rotation beside the revocation of the token that issued the rotated one', ONLY_SHARED, async t => {
  const [one, two] = (await openNodes(t, 2)) as [Node, Node]
  t.ok((await connected(one)) && (await connected(two)))
  const user = await newUser(one.services)
  const scopes = ['tokens:write', 'tokens:rotate']
  const issuing = await one.services.tokens.issuePersonal({ user, name: 'issuing', scopes })
  const issue = { name: 'issued', scopes }
  const created = await requester(one.app, bearer(issuing.plainText)).post('/api/tokens', issue)
  const waiting = () => waitingForLocks(one)
  let rotated: Promise<{ statusCode: number; json(): { token: string } }> | undefined
  let revoked: Promise<number> | undefined
  await one.services.db.transaction(async em => {
    // The rotation has stored the successor and waits to write the event of the token that it replaces.
    await em.execute('select pg_advisory_xact_lock(?)', [LOCKS.statusEvents])
    rotated = requester(two.app, bearer(created.json().token)).post('/api/tokens/current/rotate') as never
    t.ok(await eventually(async () => (await waiting()) === 1, one), 'the rotation waits')
    revoked = one.services.tokens.revoke(user.id, issuing.token.id)
    t.ok(await eventually(async () => (await waiting()) === 2, one), 'and the revocation waits for it')
  })
  t.equal((await rotated)?.statusCode, 201, 'the rotation came first')
  t.equal(await revoked, 2, 'the revocation takes the successor along')
  const successor = (await rotated)?.json().token as string
  for (const { app } of [one, two]) {
    const check = async () => (await requester(app, bearer(successor)).get('/api/tokens/current')).statusCode === 401
    t.ok(await eventually(check, one), 'no node accepts it')
  }
})

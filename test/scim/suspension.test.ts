import t from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { testNodes } from '../helpers/nodes.ts'
import { directory, operations, person, provision, SCIM_TOKEN, type Scim, testDirectory } from '../helpers/scim.ts'
import { administrator, newServiceAccount } from '../helpers/service-accounts.ts'

const setActive = (scim: Scim, id: string, active: unknown) =>
  scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'active', value: active }))

t.test('tokens of a user whom the directory deactivates', async t => {
  const { app, services, scim } = await testDirectory(t)
  const { db, users, tokens, scim: service } = services
  const status = async (headers: { authorization: string }) =>
    (await app.inject({ url: '/api/tokens/current', headers })).statusCode
  /** The statuses of the events of a token, oldest first. */
  const events = async (id: string) =>
    (
      await db.query<{ status: number }>(
        `select e.status from oauth_status_events e join oauth_access_tokens t
         on t.status_list = e.status_list and t.status_index = e.status_index where t.id = ? order by e.sequence`,
        [id],
      )
    ).map(({ status }) => status)

  t.test('are suspended, and come back, except those that their owner suspended', async t => {
    const id = await provision(scim)
    const user = await users.find(id)
    const [one, two] = [
      await actingAs(services, ['tokens:read'], { user }),
      await actingAs(services, ['tokens:read'], { user }),
    ]
    await tokens.change(user, two.id, { suspended: true })
    t.equal(await status(one.headers), 200)
    t.match((await setActive(scim, id, 'False')).json(), { active: false })
    t.equal(await status(one.headers), 401)
    t.strictSame(await events(one.id), [2])
    t.match((await setActive(scim, id, true)).json(), { active: true })
    t.equal(await status(one.headers), 200)
    t.strictSame(await events(one.id), [2, 0])
    t.equal(await status(two.headers), 401)
    t.strictSame((await events(two.id)).at(-1), 2)
  })

  t.test('are revoked after 30 days, also if a node stopped halfway', async t => {
    const id = await provision(scim)
    const token = await actingAs(services, [], { user: await users.find(id) })
    await setActive(scim, id, false)
    await service.suspended.revokeAllDue()
    t.strictSame(await events(token.id), [2], 'not yet')
    await db.query(`update scim_users set revoke_at = revoke_at - interval '30 days' where user_id = ?`, [id])
    await service.suspended.revokeAllDue()
    t.strictSame(await events(token.id), [2, 1])
    await setActive(scim, id, true)
    t.equal(await status(token.headers), 401)
    t.strictSame(await events(token.id), [2, 1])
  })

  t.test('do not come back after 30 days, even if no node has revoked them', async t => {
    const id = await provision(scim)
    const token = await actingAs(services, [], { user: await users.find(id) })
    await setActive(scim, id, false)
    await db.query(`update scim_users set revoke_at = revoke_at - interval '30 days' where user_id = ?`, [id])
    await setActive(scim, id, true)
    t.equal(await status(token.headers), 401)
    t.strictSame(await events(token.id), [2, 1])
  })

  t.test('stay if an operator enabled the user before', async t => {
    const id = await provision(scim)
    const token = await actingAs(services, ['tokens:read'], { user: await users.find(id) })
    await setActive(scim, id, false)
    await users.enable(id)
    await db.query(`update scim_users set revoke_at = revoke_at - interval '30 days' where user_id = ?`, [id])
    await service.suspended.revokeAllDue()
    t.equal(await status(token.headers), 200)
  })

  t.test('are revoked when the user is deleted, also if the deletion was interrupted', async t => {
    const id = await provision(scim)
    const token = await actingAs(services, [], { user: await users.find(id) })
    t.equal((await scim('DELETE', `/Users/${id}`)).statusCode, 204)
    t.strictSame(await events(token.id), [2, 1])

    const other = await provision(scim)
    const second = await actingAs(services, [], { user: await users.find(other) })
    await users.disable(other)
    await db.query('update scim_users set revoke_at = now(), deleted_at = now() where user_id = ?', [other])
    await service.suspended.revokeAllDue()
    t.strictSame(await events(second.id), [2, 1])
  })

  t.test('sessions end, and nobody signs in', async t => {
    const id = await provision(scim)
    const user = await users.find(id)
    const device = { address: '192.0.2.1', userAgent: 'test', newDevice: undefined }
    const session = await services.sessions.create(user, device)
    t.ok(await services.sessions.find(session))
    await setActive(scim, id, false)
    t.equal(await services.sessions.find(session), undefined)
    await t.rejects(services.sessions.create(user, device))
  })

  t.test('what an operator disabled, the directory does not enable', async t => {
    const id = await provision(scim)
    await users.disable(id)
    t.match((await setActive(scim, id, true)).json(), { active: false })
    t.match((await setActive(scim, id, false)).json(), { active: false })
    t.match((await setActive(scim, id, true)).json(), { active: false })

    const other = await provision(scim)
    await setActive(scim, other, false)
    await users.enable(other)
    await users.disable(other)
    t.match((await setActive(scim, other, true)).json(), { active: false })
  })

  t.test('the audit log names the directory', async t => {
    const id = await provision(scim)
    await setActive(scim, id, false)
    const log = await services.auditLog.list({ userId: id }, { limit: 10 })
    t.strictSame(
      log.map(({ kind }) => kind),
      ['user.disabled', 'user.created'],
    )
    const names = await services.displayNames.clients(log.map(({ actorClientId }) => actorClientId))
    t.ok(log.every(({ actorClientId }) => names.get(actorClientId as string) === 'Directory (SCIM)'))
  })

  t.test('a user who is created inactive has no access', async t => {
    const created = await scim('POST', '/Users', person({ active: 'False' }))
    t.match(created.json(), { active: false })
    t.match(await users.find(created.json().id), { disabledAt: Date })
    t.match((await setActive(scim, created.json().id, true)).json(), { active: true })
  })

  t.test('the only maintainer of a service account is shut out too, and the audit log names the account', async t => {
    const left = async (id: string) =>
      (await services.auditLog.list({ userId: id, kind: 'user.disabled' }, { limit: 1 }))[0]
    const [one, two] = [await provision(scim), await provision(scim)]
    const { account } = await newServiceAccount(services, await users.find(one))
    const { account: other } = await newServiceAccount(services, await users.find(two))
    t.match((await setActive(scim, one, false)).json(), { active: false })
    t.match(await left(one), { details: { accounts_without_maintainer: [account.id] } })
    t.equal((await scim('DELETE', `/Users/${one}`)).statusCode, 204)
    t.equal((await scim('DELETE', `/Users/${two}`)).statusCode, 204)
    t.match(await left(two), { details: { accounts_without_maintainer: [other.id] } })
    const { headers } = await administrator(services)
    const url = `/admin/service-accounts/${account.id}/tokens`
    const made = await app.inject({ method: 'POST', url, headers, payload: { name: 'ci', scopes: ['orders:read'] } })
    t.equal(made.statusCode, 201, 'administrators manage it')
  })

  t.test('users of others are not touched', async t => {
    const local = await newUser(services)
    t.equal((await setActive(scim, local.id, false)).statusCode, 404)
  })
})

t.test('a user who is adopted as inactive is shut out, also as the only maintainer', async t => {
  const { services, scim } = await testDirectory(t, { scimAdopt: true })
  const ada = await newUser(services)
  const { account } = await newServiceAccount(services, ada)
  const body = person({ userName: ada.email, emails: [{ value: ada.email, primary: true }], active: false })
  t.match((await scim('POST', '/Users', body)).json(), { id: ada.id, active: false })
  const events = await services.auditLog.list({ userId: ada.id, kind: 'user.disabled' }, { limit: 1 })
  t.match(events, [{ details: { accounts_without_maintainer: [account.id] } }])
})

t.test('another node refuses the tokens too', async t => {
  const [one, two] = await testNodes(t, { scimToken: SCIM_TOKEN })
  for (const { services } of [one, two]) services.listen()
  const scim = directory(one.app)
  const id = await provision(scim)
  const { headers } = await actingAs(one.services, ['tokens:read'], { user: await one.services.users.find(id) })
  const status = async () => (await two.app.inject({ url: '/api/tokens/current', headers })).statusCode
  const becomes = async (expected: number) => {
    while ((await status()) !== expected) await new Promise(done => setImmediate(done))
  }
  await becomes(200)
  await setActive(scim, id, false)
  await becomes(401)
  await setActive(scim, id, true)
  await becomes(200)
})

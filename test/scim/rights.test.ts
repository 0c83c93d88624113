import t from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { createGroup, operations, provision, testDirectory } from '../helpers/scim.ts'

t.test('what groups give and take', async t => {
  const scimGroupScopes = { contractors: ['orders:read', 'tokens:read'], support: ['reports'] }
  const { app, services, scim } = await testDirectory(t, { scimAdminGroup: 'Postern-Admins', scimGroupScopes })
  const { users } = services
  const role = async (id: string) => (await users.find(id)).role
  const change = (group: string, ...list: object[]) => scim('PATCH', `/Groups/${group}`, operations(...list))
  const add = (group: string, id: string) => change(group, { op: 'Add', path: 'members', value: [{ value: id }] })
  const drop = (group: string, id: string) => change(group, { op: 'Remove', path: `members[value eq "${id}"]` })
  const scopesOf = async (headers: object) => {
    const answer = await app.inject({ url: '/api/tokens/current', headers: headers as Record<string, string> })
    return answer.statusCode === 200 ? answer.json().data.scopes : answer.statusCode
  }
  const admins = await createGroup(scim, 'postern-admins')
  const contractors = await createGroup(scim, 'Contractors')
  const support = await createGroup(scim, 'support')

  t.test('administrators', async t => {
    await newUser(services, 'admin')
    const id = await provision(scim)
    t.equal(await role(id), 'user')
    t.equal((await add(admins, id)).statusCode, 204)
    t.equal(await role(id), 'admin')
    const other = operations({ op: 'Replace', path: 'externalId', value: 'another-person-in-the-group' })
    t.equal((await scim('PATCH', `/Users/${id}`, other)).statusCode, 200)
    t.equal(await role(id), 'admin', 'also for another person, since the group says so')
    const { headers } = await actingAs(services, ['admin:read', 'tokens:read'], { user: await users.find(id) })
    t.strictSame(await scopesOf(headers), ['tokens:read', 'admin:read'])
    t.equal((await drop(admins, id)).statusCode, 204)
    t.equal(await role(id), 'user')
    t.strictSame(await scopesOf(headers), ['tokens:read'])
    t.equal(
      (await scim('PUT', `/Groups/${admins}`, { displayName: 'postern-admins', members: [{ value: id }] })).statusCode,
      200,
    )
    t.equal(await role(id), 'admin')
    t.equal((await change(admins, { op: 'replace', value: { displayName: 'others' } })).statusCode, 204)
    t.equal(await role(id), 'user', 'renamed')
    t.equal((await change(admins, { op: 'replace', path: 'displayName', value: 'POSTERN-ADMINS' })).statusCode, 204)
    t.equal(await role(id), 'admin')
    t.equal((await change(admins, { op: 'remove', path: 'members' })).statusCode, 204)
    t.equal(await role(id), 'user')
  })

  t.test('the last administrator stays', async t => {
    const { services, scim } = await testDirectory(t, { scimAdminGroup: 'admins' })
    const id = await provision(scim)
    const group = await createGroup(scim, 'admins', [id])
    t.equal((await services.users.find(id)).role, 'admin')
    for (const answer of [
      await scim('PATCH', `/Groups/${group}`, operations({ op: 'Remove', path: `members[value eq "${id}"]` })),
      await scim('DELETE', `/Groups/${group}`),
      await scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'active', value: 'False' })),
      await scim('DELETE', `/Users/${id}`),
    ]) {
      t.equal(answer.statusCode, 409)
      t.match(answer.json(), { status: '409', detail: /last administrator/ })
    }
    t.match(await services.users.find(id), { role: 'admin', disabledAt: null })
    t.match((await scim('GET', `/Groups/${group}`)).json().members, [{ value: id }], 'nothing has changed')
  })

  t.test('nor do those count who cannot sign in here', async t => {
    const { services, scim } = await testDirectory(t, { scimAdminGroup: 'admins' })
    const id = await provision(scim)
    const group = await createGroup(scim, 'admins', [id])
    await services.serviceAccounts.create({ name: 'robot', maintainers: [id], role: 'admin' })
    await services.ownUsers.ensure('42')
    await services.db.query(`update users set role = 'admin' where subject = '42'`)
    const path = `members[value eq "${id}"]`
    const answer = await scim('PATCH', `/Groups/${group}`, operations({ op: 'Remove', path }))
    t.equal(answer.statusCode, 409, answer.body)
    t.equal((await services.users.find(id)).role, 'admin')
  })

  t.test('two at once do not remove the last two administrators', async t => {
    const { services, scim } = await testDirectory(t, { scimAdminGroup: 'admins' })
    const ids = [await provision(scim), await provision(scim)] as const
    const group = await createGroup(scim, 'admins', [...ids])
    const answers = await Promise.all([
      scim('PATCH', `/Groups/${group}`, operations({ op: 'Remove', path: `members[value eq "${ids[0]}"]` })),
      scim('PATCH', `/Users/${ids[1]}`, operations({ op: 'Replace', path: 'active', value: false })),
    ])
    t.equal(answers.filter(({ statusCode }) => statusCode === 409).length, 1)
    const left = await services.db.query(`select from users where role = 'admin' and disabled_at is null`)
    t.equal(left.length, 1)
  })

  t.test('limits of scopes', async t => {
    const id = await provision(scim)
    const user = await users.find(id)
    const old = await actingAs(services, ['orders:read', 'orders:create', 'tokens:read'], { user })
    const wide = await actingAs(services, ['*'], { user })
    await add(contractors, id)
    t.strictSame(await scopesOf(old.headers), ['orders:read', 'tokens:read'])
    t.strictSame(await scopesOf(wide.headers), ['orders:read', 'tokens:read'])
    const limited = await users.find(id)
    await t.rejects(actingAs(services, ['reports'], { user: limited }), {
      message: /owner of the token is not allowed/,
    })
    const issued = await services.tokens.issuePersonal({ user: limited, name: 'defaults' })
    t.strictSame(issued.token.scopes, ['orders:read'], 'defaults are reduced')

    await add(support, id)
    t.ok(await actingAs(services, ['reports', 'orders:read'], { user: await users.find(id) }), 'those of both groups')
    await drop(contractors, id)
    t.strictSame(await scopesOf(wide.headers), ['reports'])
    await drop(support, id)
    t.strictSame(await scopesOf(old.headers), ['orders:read', 'orders:create', 'tokens:read'])
    t.equal((await users.find(id)).allowedScopes, null)
  })

  t.test('a token that is minted while a limit is set is limited too', async t => {
    const id = await provision(scim)
    const before = await users.find(id)
    await add(contractors, id)
    const issued = await services.tokens.issuePersonal({
      user: before,
      name: 'late',
      scopes: ['reports', 'tokens:read'],
    })
    const [row] = await services.db.query('select changed from oauth_access_tokens where id = ?', [issued.token.id])
    t.match(row, { changed: true })
    t.strictSame(await scopesOf({ authorization: `Bearer ${issued.plainText}` }), ['tokens:read'])
  })

  t.test('a deleted group limits nobody', async t => {
    const id = await provision(scim)
    await add(support, id)
    t.strictSame((await users.find(id)).allowedScopes, ['reports'])
    t.equal((await scim('DELETE', `/Groups/${support}`)).statusCode, 204)
    t.equal((await users.find(id)).allowedScopes, null)
  })

  t.test('a change of the configuration is applied', async t => {
    const id = await provision(scim)
    await createGroup(scim, 'Interns', [id])
    t.equal((await users.find(id)).allowedScopes, null)
    await services.db.query(`update users set allowed_scopes = '["reports"]' where id = ?`, [id])
    await services.scim.rights.applyToAll()
    t.equal((await users.find(id)).allowedScopes, null)
  })

  t.test('users of others get no rights by a group', async t => {
    const local = await newUser(services)
    const answer = await add(admins, local.id)
    t.equal(answer.statusCode, 400)
    t.match(answer.json(), { scimType: 'invalidValue' })
    t.equal(await role(local.id), 'user')
    t.equal((await add(admins, contractors)).statusCode, 400, 'nor do groups')
  })
})

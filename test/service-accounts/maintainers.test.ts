import t from 'tap'
import { actingAs, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'
import { requester } from '../helpers/requester.ts'
import { administrator, newServiceAccount } from '../helpers/service-accounts.ts'

const { app, services } = await testApp(t)
const as = (headers: Record<string, string>) => requester(app, headers)
const admin = await administrator(services)

t.test('the only maintainer is not removed or disabled, and the refusal names the accounts', async t => {
  const { account, person } = await newServiceAccount(services)
  const { account: second } = await newServiceAccount(services, person)
  const path = `/admin/service-accounts/${account.id}/maintainers`
  const removed = await as(admin.headers).delete(`${path}/${person.id}`)
  t.match(removed.json(), { status: 409, detail: new RegExp(account.id) }, removed.body)
  const disabled = await as(admin.headers).post(`/admin/users/${person.id}/disable`)
  t.equal(disabled.statusCode, 409)
  t.match(disabled.json().detail, `${account.name} (${account.id}), ${second.name} (${second.id})`)

  const other = await newUser(services)
  t.equal((await as(admin.headers).put(`${path}/${other.id}`)).statusCode, 200)
  t.equal((await as(admin.headers).put(`${path}/${other.id}`)).json().data.maintainers.length, 2, 'once')
  t.match((await as(admin.headers).post(`/admin/users/${person.id}/disable`)).json(), {
    detail: new RegExp(second.id),
  })
  await services.serviceAccounts.addMaintainer(second.id, other.id)
  t.equal((await as(admin.headers).post(`/admin/users/${person.id}/disable`)).statusCode, 200)
  t.equal((await as(admin.headers).delete(`${path}/${other.id}`)).statusCode, 409, 'the disabled one does not count')
  t.equal((await as(admin.headers).delete(`${path}/${person.id}`)).statusCode, 200)
  t.equal((await as(admin.headers).delete(`${path}/${person.id}`)).statusCode, 404)
  t.equal((await as(admin.headers).put(`${path}/${person.id}`)).statusCode, 422, 'a disabled person')
  t.equal((await as(admin.headers).put(`${path}/${second.id}`)).statusCode, 422, 'an account')
})

t.test('who leaves loses access at once; what they made stays, and the audit log names them', async t => {
  const { account, person } = await newServiceAccount(services)
  await services.serviceAccounts.addMaintainer(account.id, admin.user.id)
  const hers = await actingAs(services, ['tokens:write', 'orders:read'], { user: person })
  const path = `/api/service-accounts/${account.id}/tokens`
  const make = () => as(hers.headers).post(path, { name: 'ci', scopes: ['orders:read'], expires_in: 63_072_000 })
  const made = (await make()).json()
  const own = await services.tokens.find(person.id, hers.id)
  t.ok(made.data.expires_at > own.expiresAt.toISOString(), 'it outlasts hers')
  await as(admin.headers).post(`/admin/users/${person.id}/disable`)
  t.equal((await make()).statusCode, 401)
  t.equal(await opens(app, made.token), 200, 'the person is disabled')
  await as(admin.headers).post(`/admin/users/${person.id}/enable`)
  t.equal((await make()).statusCode, 201, 'enabled again')
  await services.serviceAccounts.removeMaintainer(account.id, person.id)
  t.equal((await make()).statusCode, 404)
  await as(admin.headers).post(`/admin/users/${person.id}/sign-out`)
  t.equal(await opens(app, hers.token), 401)
  t.equal(await opens(app, made.token), 200, 'the token that made it is revoked')
  const { data } = (await as(admin.headers).get(`/admin/audit?token_id=${made.data.id}`)).json()
  t.match(data, [{ kind: 'token.issued', user_id: account.id, actor_user_id: person.id, actor_token_id: hers.id }])
})

t.test('two maintainers who leave at once: one stays', async t => {
  const [first, second] = await testNodes(t)
  const root = await administrator(first.services)
  for (const leave of ['disable', 'remove', 'both'] as const) {
    const { account, person } = await newServiceAccount(first.services)
    const other = await newUser(first.services)
    await first.services.serviceAccounts.addMaintainer(account.id, other.id)
    const path = `/admin/service-accounts/${account.id}/maintainers`
    const disable = ({ app }: TestApp, id: string) => requester(app, root.headers).post(`/admin/users/${id}/disable`)
    const remove = ({ app }: TestApp, id: string) => requester(app, root.headers).delete(`${path}/${id}`)
    const responses = await Promise.all([
      leave === 'remove' ? remove(first, person.id) : disable(first, person.id),
      leave === 'disable' ? disable(second, other.id) : remove(second, other.id),
    ])
    t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, 409], leave)
    const left = (await first.services.serviceAccounts.find(account.id)).maintainers
    t.equal(left.filter(({ disabled }) => !disabled).length, 1)
  }
})

t.test('a token that is asked for while the person leaves is made before or not at all', async t => {
  const { account, person } = await newServiceAccount(services)
  await services.serviceAccounts.addMaintainer(account.id, admin.user.id)
  const hers = await actingAs(services, ['tokens:write'], { user: person })
  const make = () => as(hers.headers).post(`/api/service-accounts/${account.id}/tokens`, { name: 'x', scopes: [] })
  const statuses: number[] = []
  const asking = Array.from({ length: 8 }, async () => statuses.push((await make()).statusCode))
  const leaving = services.serviceAccounts.removeMaintainer(account.id, person.id).then(() => statuses.push(0))
  await Promise.all([...asking, leaving])
  t.ok(
    statuses.every(status => [0, 201, 404].includes(status)),
    statuses.join(),
  )
  const { data } = (await as(admin.headers).get(`/admin/service-accounts/${account.id}/tokens`)).json()
  t.equal(data.length, statuses.filter(status => status === 201).length)
  const [event] = await services.auditLog.list({ userId: account.id }, { limit: 1 })
  t.equal(event?.kind, 'maintainer.removed', 'nothing is issued after it')
})

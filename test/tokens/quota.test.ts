import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'

/** How many live personal tokens one user may have. */

const LIMIT = 5

t.test('a user has so many live tokens, however they are asked for', async t => {
  const { app, services } = await testApp(t, { tokensPerUser: LIMIT })
  const scopes = ['tokens:read', 'tokens:write']
  const { headers, user, id } = await actingAs(services, scopes)
  const issue = (name = 'x') =>
    app.inject({ method: 'POST', url: '/api/tokens', headers, payload: { name, scopes: [] } })
  const made = await Promise.all(Array.from({ length: LIMIT + 3 }, () => issue()))
  const statuses = made.map(({ statusCode }) => statusCode).sort()
  t.strictSame(statuses, [...Array(LIMIT - 1).fill(201), 403, 403, 403, 403], 'the one that asks counts, too')
  const refused = await issue()
  t.match(refused.json(), {
    type: 'urn:postern:error:quota_reached',
    limit: LIMIT,
    detail: /You have 5 live personal access tokens.*Revoke those.*TOKENS_PER_USER/,
  })
  const credentials = { email: user.email, password: PASSWORD, device_name: 'van' }
  const byPassword = () => app.inject({ method: 'POST', url: '/api/tokens', payload: credentials })
  t.equal((await byPassword()).statusCode, 403)
  const browser = new Browser(app)
  await browser.signIn(user)
  const page = await browser.submit(await browser.get('/tokens/new'), { name: 'deploy', expires_in: '30d' }, /tokens$/)
  t.equal(page.statusCode, 403)
  t.match(page.body, /TOKENS_PER_USER/)

  const [first, second] = made.filter(({ statusCode }) => statusCode === 201).map(answer => answer.json().data.id)
  const rotated = await app.inject({ method: 'POST', url: `/api/tokens/${first}/rotate`, headers })
  t.equal(rotated.statusCode, 201, 'a rotation takes the place of what it replaces')
  await app.inject({ method: 'DELETE', url: `/api/tokens/${second}`, headers })
  t.equal((await byPassword()).statusCode, 201, 'in the place of one that was revoked')
  await services.db.query("update oauth_access_tokens set expires_at = now() - interval '1 second' where id <> ?", [id])
  t.equal((await issue()).statusCode, 201, 'and of those that expired')
  t.equal((await issue((await newUser(services)).name)).statusCode, 201)
})

t.test('one user’s quota is not another’s, and operators issue any number', async t => {
  const { app, services } = await testApp(t, { tokensPerUser: 2 })
  const users = await Promise.all(Array.from({ length: 5 }, () => newUser(services)))
  const issue = ({ email }: { email: string }) =>
    app.inject({ method: 'POST', url: '/api/tokens', payload: { email, password: PASSWORD, device_name: 'x' } })
  const answers = await Promise.all(users.flatMap(user => [issue(user), issue(user), issue(user)]))
  t.equal(answers.filter(({ statusCode }) => statusCode === 201).length, users.length * 2)
  t.equal(answers.filter(({ statusCode }) => statusCode === 403).length, users.length)

  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  const id = users[0]?.id
  const byOperator = { method: 'POST', url: `/admin/users/${id}/tokens`, headers, payload: { name: 'x' } } as const
  for (let i = 0; i < 3; i++) t.equal((await app.inject(byOperator)).statusCode, 201)
})

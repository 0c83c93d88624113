import t from 'tap'
import { actingAs, newUser, testApp } from '../../helpers/app.ts'
import { Browser, formOf, locationOf } from '../../helpers/browser.ts'
import { opens } from '../../helpers/granted-tokens.ts'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

const names = (body: string) => [...body.matchAll(/<th scope="row"><a [^>]*><bdi>([^<]*)/g)].map(([, name]) => name)
const matching = (body: string) => Number(/(\d+) matching active tokens?/.exec(body)?.[1])

/** Goes from the list over the question to the end. @returns how many each of the three names */
async function revoke(query: string): Promise<[listed: number, asked: number, revoked: number]> {
  const list = await browser.get(`/manage/tokens?${query}`)
  const link = /href="([^"]*\/revoke\?[^"]*)"/.exec(list.body)?.[1]?.replaceAll('&amp;', '&') as string
  const question = await browser.get(link)
  const asked = Number(/Revoke (\d+) tokens?\?/.exec(question.body)?.[1])
  const answer = await browser.submit(question, {}, /revoke$/)
  const { body } = await browser.get(locationOf(answer).pathname)
  return [matching(list.body), asked, Number(/(?:<bdi>)?(\d+)(?:<\/bdi>)? tokens? w\w+ revoked/.exec(body)?.[1])]
}

t.test('tokens are filtered by every condition', async t => {
  const [a, b] = [await newUser(services), await newUser(services)]
  const issue = (user: typeof a, name: string, scopes: string[]) =>
    services.tokens.issuePersonal({ user, name, scopes })
  const first = await issue(a, 'first', ['orders:read'])
  await issue(a, 'second', ['orders:read', 'orders:create'])
  await issue(b, 'third', ['orders:create'])
  const old = new Date('2025-06-01T12:00:00Z').toISOString()
  await services.db.query('update oauth_access_tokens set created_at = ? where id = ?', [old, first.token.id])
  const list = async (query: string) => names((await browser.get(`/manage/tokens?${query}`)).body)
  t.strictSame(await list(`user=${a.id}`), ['second', 'first'])
  t.strictSame(await list(`user=${a.email.toUpperCase()}`), ['second', 'first'])
  t.strictSame(await list('scope=orders:create'), ['third', 'second'])
  t.strictSame(await list('made_before=2025-06-02'), ['first'])
  t.strictSame(await list('made_before=2025-06-01'), [])
  t.strictSame(await list('unused_since=2025-06-02'), ['first'])
  t.strictSame(await list(`user=${a.id}&scope=orders:create`), ['second'])
  const { id } = await services.clients.personalAccess()
  t.strictSame(await list(`client=${id}&user=${b.id}`), ['third'])
  await services.revokeToken(first.token.id)
  t.strictSame(await list(`user=${a.id}`), ['second'])
  t.strictSame(await list(`user=${a.id}&state=all`), ['second', 'first'])
})

t.test('tokens are searched and sorted, and a search revokes nothing', async t => {
  const user = await newUser(services, 'user', 'searched@pages.example')
  const issue = (name: string, days: number) =>
    services.tokens.issuePersonal({ user, name, expiresAt: new Date(Date.now() + days * 86_400_000) })
  for (const [name, days] of [
    ['alpha one', 3],
    ['alpha two', 1],
    ['beta', 2],
  ] as const)
    await issue(name, days)
  const page = (query: string) => browser.get(`/manage/tokens?${query}`)
  t.strictSame(names((await page('search=ALPHA')).body), ['alpha two', 'alpha one'])
  t.strictSame(names((await page('search=searched%40pages')).body), ['beta', 'alpha two', 'alpha one'])
  const found = await page(`search=alpha&user=${user.id}&sort=expires_at`)
  t.strictSame(names(found.body), ['alpha two', 'alpha one'])
  t.match(found.body, '2 matching active tokens')
  t.match(found.body, 'name="search" value="alpha"')
  t.notMatch(found.body, '/manage/tokens/revoke?', 'a revocation would revoke what the search does not show')
  t.match((await page(`user=${user.id}`)).body, '/manage/tokens/revoke?')

  const sorted = await page(`user=${user.id}&sort=expires_at`)
  t.strictSame(names(sorted.body), ['alpha two', 'beta', 'alpha one'])
  const heading = /<th scope="col" aria-sort="ascending"><a href="([^"]*)">Expires<\/a>/.exec(sorted.body)?.[1]
  const other = await browser.get(heading?.replaceAll('&amp;', '&') as string)
  t.strictSame(names(other.body), ['alpha one', 'beta', 'alpha two'], 'the heading sorts the other way round')
  t.match(other.body, 'aria-sort="descending"')
  t.strictSame(names((await page(`user=${user.id}&sort=name`)).body), ['beta', 'alpha two', 'alpha one'], 'as without')
  t.match((await page('search=nobody+has+this')).body, 'No tokens match')
})

t.test('an order is kept from page to page', async t => {
  const user = await newUser(services)
  for (let n = 1; n <= 11; n++)
    await services.tokens.issuePersonal({ user, name: `page ${n}`, expiresAt: new Date(Date.now() + n * 86_400_000) })
  const first = await browser.get(`/manage/tokens?search=page&user=${user.id}&sort=-expires_at`)
  t.equal(names(first.body)[0], 'page 11')
  const next = /href="([^"]*)" rel="next"/.exec(first.body)?.[1]?.replaceAll('&amp;', '&') as string
  t.strictSame(names((await browser.get(next)).body), ['page 1'])
})

t.test('tokens that expire soon and tokens that nobody used are listed and revoked', async t => {
  const user = await newUser(services)
  const day = (days: number) => new Date(Date.now() + days * 86_400_000)
  const issue = async (name: string, days: number) =>
    (await services.tokens.issuePersonal({ user, name, expiresAt: day(days) })).token.id
  const used = await issue('used soon', 2)
  await issue('soon', 2)
  await issue('later', 20)
  await services.db.query('update oauth_access_tokens set last_used_at = now() where id = ?', [used])
  const week = day(7).toISOString().slice(0, 10)
  const list = async (query: string) => names((await browser.get(`/manage/tokens?user=${user.id}&${query}`)).body)
  t.strictSame(await list(`expires_before=${week}`), ['soon', 'used soon'])
  t.strictSame(await list('never_used=yes'), ['later', 'soon'])
  const { body } = await browser.get(`/manage/tokens/revoke?user=${user.id}&expires_before=${week}&never_used=yes`)
  t.match(body, new RegExp(`Expires before <bdi>${week}</bdi>`))
  t.match(body, 'Never used')
  t.strictSame(await revoke(`user=${user.id}&expires_before=${week}&never_used=yes`), [1, 1, 1])
  t.strictSame(await list(''), ['later', 'used soon'])
})

t.test('the confirmed number of tokens is revoked', async t => {
  const user = await newUser(services)
  const tokens = await Promise.all(
    Array.from({ length: 30 }, (_, i) => actingAs(services, i % 3 ? ['orders:read'] : ['reports'], { user })),
  )
  const other = await actingAs(services, ['reports'])
  t.strictSame(await revoke(`user=${user.email}&scope=reports`), [10, 10, 10])
  const statuses = await Promise.all(tokens.map(({ token }) => opens(app, token)))
  t.equal(statuses.filter(status => status === 401).length, 10)
  t.equal(await opens(app, other.token), 200, 'nobody else’s')
  t.strictSame(await revoke(`user=${user.id}`), [20, 20, 20], 'and what is dead does not count')
  t.match(await services.auditLog.list({ userId: user.id, kind: 'token.revoked' }, { limit: 1 }), [
    { actorUserId: admin.id },
  ])
})

t.test('the confirmation names the conditions, and changes nothing', async t => {
  const { user, token } = await actingAs(services, ['orders:read'])
  await services.users.update(user.id, { name: '<i>Ada</i>' })
  const query = `user=${user.email}&scope=orders:read&made_before=2099-01-01&unused_since=2099-01-01`
  const { body } = await browser.get(`/manage/tokens/revoke?${query}`)
  t.match(body, 'Revoke 1 token?')
  t.strictSame(names(body).length, 1, 'which is shown')
  t.match(body, '&lt;i&gt;Ada&lt;/i&gt;')
  t.match(body, /Scope: <bdi>orders:read<\/bdi>/)
  t.match(body, /Created before <bdi>2099-01-01<\/bdi>/)
  t.match(body, /Not used since <bdi>2099-01-01<\/bdi>/)
  t.match(formOf(body, /revoke$/).fields, {
    user: user.email,
    scope: 'orders:read',
    made_before: '2099-01-01',
    unused_since: '2099-01-01',
  })
  t.equal(await opens(app, token), 200)
  t.notMatch((await browser.get(`/manage/tokens/revoke?user=${admin.id}`)).body, /name="user"/, 'nothing to revoke')
})

t.test('without a condition nothing is revoked', async t => {
  const { token, id } = await actingAs(services)
  const { fields } = formOf((await browser.get(`/manage/tokens/${id}/revoke`)).body, /revoke$/)
  for (const more of [
    {},
    { user: '' },
    { scope: '', client: '', made_before: '', unused_since: '' },
    { state: 'all' },
    { user_id: id },
    { user: 'nobody@example.com' },
  ]) {
    t.equal((await browser.post('/manage/tokens/revoke', { ...fields, ...more })).statusCode, 400)
  }
  t.equal(await opens(app, token), 200)
})

t.test('one token is revoked, with its name in the confirmation', async t => {
  const { user, token, id } = await actingAs(services)
  const question = await browser.get(`/manage/tokens/${id}/revoke`)
  t.match(question.body, /Revoke <bdi>test<\/bdi>\?/)
  t.equal((await browser.submit(question, {}, /revoke$/)).statusCode, 303)
  t.equal(await opens(app, token), 401)
  t.match((await browser.get(`/manage/tokens?user=${user.id}`)).body, 'No tokens match')
})

t.test('the tokens to be revoked are looked through page by page, and the conditions stay', async t => {
  const user = await newUser(services)
  for (let n = 1; n <= 11; n++) await services.tokens.issuePersonal({ user, name: `of many ${n}` })
  const first = await browser.get(`/manage/tokens/revoke?user=${user.id}`)
  t.equal(names(first.body).length, 10)
  const next = /href="([^"]*)" rel="next"/.exec(first.body)?.[1]?.replaceAll('&amp;', '&') as string
  const second = await browser.get(next)
  t.strictSame(names(second.body), ['of many 1'])
  t.match(second.body, 'Revoke 11 tokens?', 'all of them, not those of the page')
  t.equal(formOf(second.body, /revoke$/).fields.user, user.id)
  t.equal(formOf(second.body, /revoke$/).fields.cursor, undefined)
})

t.test('the facts of a token stand before its revocation', async t => {
  const { user, id, token } = await actingAs(services, ['orders:read', 'reports'])
  await services.users.update(user.id, { name: '<i>Ada</i>' })
  for (const path of [`/manage/tokens/${id}`, `/manage/tokens/${id}/revoke`]) {
    const { body } = await browser.get(path)
    t.match(body, '&lt;i&gt;Ada&lt;/i&gt;')
    t.match(body, user.email)
    for (const fact of ['orders:read', 'reports', 'Last used', 'Expires', 'Created']) t.match(body, fact)
  }
  t.equal(await opens(app, token), 200, 'nothing is revoked by asking')
})

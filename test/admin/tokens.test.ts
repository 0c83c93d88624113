import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

t.test('tokens are selected, counted and revoked', async t => {
  const { app, services } = await testApp(t)
  const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const one = await actingAs(services, ['orders:read'])
  const two = await actingAs(services, ['reports'], { user: one.user })
  const other = await actingAs(services, ['reports'])
  const { headers } = admin

  const mine = await app.inject({ url: `/admin/tokens?user_id=${one.user.id}&limit=1`, headers })
  t.match(mine.json().data, [{ id: two.id, user_id: one.user.id }])
  t.type(mine.json().meta.next_cursor, 'string')
  const scoped = await app.inject({ url: '/admin/tokens?scope=reports', headers })
  t.same(
    scoped.json().data.map((token: { id: string }) => token.id),
    [other.id, two.id],
  )
  const count = { user_id: one.user.id, scope: 'reports', dry_run: true }
  const dry = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: count })
  t.same(dry.json(), { data: { count: 1, dry_run: true } })
  t.equal((await app.inject({ url: '/api/user', headers: two.headers })).statusCode, 200, 'nothing was revoked')
  const wet = await app.inject({
    method: 'POST',
    url: '/admin/tokens/revoke',
    headers,
    payload: { ...count, dry_run: false },
  })
  t.same(wet.json(), { data: { count: 1, dry_run: false } })
  t.equal((await app.inject({ url: '/api/user', headers: two.headers })).statusCode, 401)
  t.equal((await app.inject({ url: '/api/user', headers: one.headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 200)

  const everything = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: {} })
  t.equal(everything.statusCode, 422, 'an empty selection is a mistake')
  for (const name of [
    'scope',
    'user_id',
    'client_id',
    'created_before',
    'made_before',
    'unused_since',
    'expires_before',
    'never_used',
    'key_id',
  ]) {
    for (const value of ['', null, []]) {
      const payload = { [name]: value }
      const empty = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
      t.equal(empty.statusCode, 422, `so is ${JSON.stringify(payload)}`)
    }
  }
  const blank = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: { scope: ' ' } })
  t.same(blank.json(), { data: { count: 0, dry_run: false } }, 'no token has such a scope')
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 200, 'nothing was revoked')
  const future = '2999-01-01T00:00:00Z'
  const unused = await app.inject({
    url: `/admin/tokens?unused_since=${future}&made_before=${future}&user_id=${other.user.id}`,
    headers,
  })
  t.match(unused.json().data, [{ id: other.id }])

  t.equal((await app.inject({ method: 'DELETE', url: `/admin/tokens/${other.id}`, headers })).statusCode, 204)
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 401)
  t.equal((await app.inject({ method: 'DELETE', url: '/admin/tokens/%00', headers })).statusCode, 422)
  const trail = await app.inject({ url: `/admin/audit?token_id=${other.id}&kind=token.revoked`, headers })
  t.match(trail.json().data, [{ actor_user_id: admin.user.id, user_id: other.user.id }])
})

t.test('all tokens are searched by their name, their owner and their client', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read'], { role: 'admin' })
  const ada = await newUser(services, 'user', 'ada.lovelace@search.example')
  await services.users.update(ada.id, { name: 'Countess' })
  const grace = await newUser(services, 'user', 'grace@müller.example')
  const issue = async (user: typeof ada, name: string) =>
    (await services.tokens.issuePersonal({ user, name, scopes: ['reports'] })).token.id
  const [deploy, percent] = [await issue(ada, 'Deploy 100%'), await issue(ada, '100 percent')]
  const graces = await issue(grace, "ünï '\\_ name")
  const { client, secret } = await services.clients.create({ name: 'Nightly Exporter', scopes: ['reports'] })
  const grant = { grant_type: 'client_credentials' }
  const { access_token } = (await form(app, '/oauth/token', grant, basic(client.id, secret))).json()
  const { jti: machine } = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString())
  const find = async (query: Record<string, string>) => {
    const answer = await app.inject({ url: `/admin/tokens?${new URLSearchParams(query)}`, headers })
    t.equal(answer.statusCode, 200, answer.body)
    return (answer.json().data as { id: string }[]).map(({ id }) => id)
  }
  for (const [search, found] of [
    ['dePLoy', [deploy]],
    ['100%', [deploy]],
    ['100', [percent, deploy]],
    ['countESS', [percent, deploy]],
    ['LOVELACE@', [percent, deploy]],
    ["ÜNÏ '\\_", [graces]],
    ['@xn--mller-kva.example', [graces]],
    ['nightly', [machine]],
    ['reports', []],
    ["'; drop table users; --", []],
  ] as const) {
    t.strictSame(await find({ search }), found, search)
  }
  t.strictSame(await find({ search: '100', user_id: grace.id }), [], 'a token must match all conditions')
  await services.revokeToken(deploy)
  t.strictSame(await find({ search: '100' }), [percent])
  t.strictSame(await find({ search: '100', state: 'revoked' }), [deploy])
  for (const bad of ['search=', `search=${'x'.repeat(129)}`, 'sort=name', 'sort=last_used_at', 'sort='])
    t.equal((await app.inject({ url: `/admin/tokens?${bad}`, headers })).statusCode, 422, bad)
  const revoke = { method: 'POST', url: '/admin/tokens/revoke', headers } as const
  const { headers: writes } = await actingAs(services, ['admin:write'], { role: 'admin' })
  const answer = await app.inject({ ...revoke, headers: writes, payload: { search: '100', dry_run: true } })
  t.equal(answer.statusCode, 422, 'a search selects nothing to revoke')
})

t.test('all tokens are sorted, page by page', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read'], { role: 'admin' })
  const user = await newUser(services)
  const minutes = [30, 10, 20, 10, 10, 30]
  const issued: { id: string; minute: number }[] = []
  for (const minute of minutes) {
    const expiresAt = new Date(Date.now() + minute * 60_000)
    expiresAt.setUTCSeconds(0, 0)
    const { token } = await services.tokens.issuePersonal({ user, name: 'sorted', expiresAt })
    issued.push({ id: token.id, minute })
  }
  // Rows of other systems have microseconds, which a Date has not.
  for (const [n, { id }] of issued.entries())
    await services.db.query(
      `update oauth_access_tokens set expires_at = expires_at + ? * interval '1 microsecond' where id = ?`,
      [n % 3, id],
    )
  const exact = await services.db.query<{ id: string }>(
    'select id from oauth_access_tokens where user_id = ? order by expires_at, id',
    [user.id],
  )
  const byExpiry = exact.map(({ id }) => id)
  const byAge = issued.map(({ id }) => id)
  const orders = {
    '-created_at': byAge.toReversed(),
    created_at: byAge,
    expires_at: byExpiry,
    '-expires_at': byExpiry.toReversed(),
  }
  for (const [sort, wanted] of Object.entries(orders)) {
    for (const limit of [1, 4, 100]) {
      const seen: string[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query = new URLSearchParams({ user_id: user.id, sort, limit: String(limit), ...(cursor && { cursor }) })
        const { data, meta } = (await app.inject({ url: `/admin/tokens?${query}`, headers })).json()
        seen.push(...data.map(({ id }: { id: string }) => id))
        cursor = meta.next_cursor
      }
      t.strictSame(seen, wanted, `${sort} by ${limit}`)
    }
  }
  const plain = (await app.inject({ url: `/admin/tokens?user_id=${user.id}`, headers })).json().data
  t.strictSame(
    plain.map(({ id }: { id: string }) => id),
    orders['-created_at'],
    'newest first unless sorted otherwise',
  )
})

t.test('tokens that expire soon and tokens that nobody used are selected, counted and revoked', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const user = await newUser(services)
  const at = (days: number) => new Date(Date.now() + days * 86_400_000)
  const issue = async (name: string, days: number) =>
    (await services.tokens.issuePersonal({ user, name, expiresAt: at(days) })).token.id
  const [soon, later, used] = [await issue('soon', 2), await issue('later', 20), await issue('used', 2)]
  await services.db.query('update oauth_access_tokens set last_used_at = now() where id = ?', [used])
  const find = async (query: string) => {
    const answer = await app.inject({ url: `/admin/tokens?user_id=${user.id}&${query}`, headers })
    return (answer.json().data as { id: string }[]).map(({ id }) => id)
  }
  const week = encodeURIComponent(at(7).toISOString())
  t.strictSame(await find(`expires_before=${week}`), [used, soon])
  t.strictSame(await find('never_used=true'), [later, soon])
  t.strictSame(await find('never_used=false'), [used])
  t.strictSame(await find(`expires_before=${week}&never_used=true`), [soon])
  for (const bad of ['expires_before=tomorrow', 'never_used=perhaps', 'never_used='])
    t.equal((await app.inject({ url: `/admin/tokens?${bad}`, headers })).statusCode, 422, bad)
  const revoke = async (payload: object) =>
    (await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })).json()
  const chosen = { user_id: user.id, expires_before: at(7).toISOString(), never_used: true }
  t.strictSame(await revoke({ ...chosen, dry_run: true }), { data: { count: 1, dry_run: true } })
  t.strictSame(await revoke(chosen), { data: { count: 1, dry_run: false } })
  t.strictSame(await find(''), [used, later], 'no other one')
})

t.test('keys are listed and rotated', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const before = (await app.inject({ url: '/admin/keys', headers })).json().data
  t.match(before, [{ state: 'current' }, { state: 'next' }])
  t.notMatch(JSON.stringify(before), /private|"d"/)
  const rotated = await app.inject({ method: 'POST', url: '/admin/keys/rotate', headers })
  t.equal(rotated.statusCode, 200, rotated.body)
  t.match(rotated.json(), { data: { id: before[1].id, state: 'current' } })
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200, 'tokens of the past key go on')
  const trail = await app.inject({ url: '/admin/audit?kind=key.rotated', headers })
  t.match(trail.json().data, [{ details: { retired: before[0].id, current: before[1].id } }])
})

t.test('a rotation is scheduled until every cache has the key, or signs at once', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const rotate = (payload: object) => app.inject({ method: 'POST', url: '/admin/keys/rotate', headers, payload })
  const { data: waiting } = (await rotate({ algorithm: 'EdDSA' })).json()
  t.match(waiting, { algorithm: 'EdDSA', state: 'next', activated_at: null, retired_at: null })
  t.ok(Date.parse(waiting.signs_from) > Date.now() + 300_000, 'longer than a cache keeps the keys')
  t.strictSame((await rotate({})).json().data, waiting, 'sent again it is the same')
  const listed = async () => (await app.inject({ url: '/admin/keys', headers })).json().data
  t.strictSame((await listed())[1], waiting)

  const { data: other } = (await rotate({ algorithm: 'RS256', now: false })).json()
  t.match((await listed()).slice(1), [{ id: waiting.id, state: 'past', signs_from: null, activated_at: null }, other])
  const { data: now } = (await rotate({ now: true })).json()
  t.match(now, { id: other.id, state: 'current', signs_from: now.activated_at })
  t.ok(Date.parse(now.signs_from) <= Date.now())
  for (const bad of [{ now: 'soon' }, { now: null }, { later: true }]) t.equal((await rotate(bad)).statusCode, 422)

  const trail = await app.inject({ url: '/admin/audit?kind=key.rotated', headers })
  t.match(trail.json().data, [
    { details: { current: other.id, signs_from: now.signs_from } },
    { details: { current: other.id, signs_from: other.signs_from } },
    { details: { current: waiting.id, signs_from: waiting.signs_from } },
  ])
})

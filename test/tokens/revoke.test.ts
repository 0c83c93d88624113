import t, { type Test } from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** Revoking a token within its overlap revokes its successor. */

const [{ app, services }] = await testNodes(t)
const FORMATS = ['jwt', 'opaque'] as const
const SCOPES = ['tokens:read', 'tokens:write', 'tokens:rotate']
const OVERLAP = { overlap: 3600 }

interface Rotated {
  token: string
  id: string
}

async function rotate(t: Test, token: string, body: object = OVERLAP): Promise<Rotated> {
  const answer = await requester(app, bearer(token)).post('/api/tokens/current/rotate', body)
  t.equal(answer.statusCode, 201, answer.body)
  return { token: answer.json().token, id: answer.json().data.id }
}
const statuses = (tokens: string[]) => Promise.all(tokens.map(token => opens(app, token)))

for (const format of FORMATS) {
  t.test(`${format}: with the old text, which is within its overlap, every later one is revoked`, async t => {
    const first = await actingAs(services, SCOPES, { format })
    const second = await rotate(t, first.token)
    const third = await rotate(t, second.token)
    const child = (await form(app, '/oauth/token', exchangeOf(third.token))).json().access_token
    const family = [first.token, second.token, third.token, child]
    t.strictSame(await statuses(family), [200, 200, 200, 200])
    const read = await requester(app, first.headers).get('/api/tokens/current')
    t.equal(read.json().data.issued_tokens, 3, 'said before')
    const revoked = await requester(app, first.headers).delete('/api/tokens/current')
    t.strictSame(revoked.json(), { data: { count: 4 } })
    t.strictSame(await statuses(family), [401, 401, 401, 401])
    const events = await services.auditLog.list({ userId: first.user.id, kind: 'token.revoked' }, { limit: 9 })
    t.equal(events.length, 4)
    for (const { actorTokenId } of events) t.equal(actorTokenId, first.id)
    const unannounced = `select t.id from oauth_access_tokens t where t.user_id = ? and not exists (
      select from oauth_status_events e
      where e.status_list = t.status_list and e.status_index = t.status_index and e.status = 1)`
    t.strictSame(await services.db.query(unannounced, [first.user.id]), [], 'every resource server is notified')
  })
}

t.test('by the revocation endpoint (RFC 7009), by id, by an administrator, and in bulk', async t => {
  const admin = requester(app, (await actingAs(services, ['admin:write', 'admin:read'], { role: 'admin' })).headers)
  const { client, secret } = await services.clients.create({ name: 'cli', grantTypes: ['client_credentials'] })
  const ways: ((old: {
    id: string
    token: string
    user: string
    headers: Record<string, string>
  }) => Promise<unknown>)[] = [
    ({ id, headers }) => requester(app, headers).delete(`/api/tokens/${id}`),
    ({ id }) => admin.delete(`/admin/tokens/${id}`),
    ({ user }) => admin.post('/admin/tokens/revoke', { user_id: user, made_before: new Date().toISOString() }),
    ({ token }) => form(app, '/oauth/revoke', { token, client_id: client.id, client_secret: secret }),
  ]
  for (const [index, way] of ways.entries()) {
    const first = await actingAs(services, SCOPES)
    const beside = await actingAs(services, SCOPES, { user: first.user })
    const { token } = await rotate(t, first.token)
    const isForeign = index === ways.length - 1
    await way({ id: first.id, token: first.token, user: first.user.id, headers: beside.headers })
    t.strictSame(await statuses([first.token, token]), isForeign ? [200, 200] : [401, 401])
  }
})

t.test('a rotation, and the end of the overlap, leave the successor alone', async t => {
  const first = await actingAs(services, SCOPES)
  const second = await rotate(t, first.token, {})
  t.strictSame(await statuses([first.token, second.token]), [401, 200])
  const third = await rotate(t, second.token)
  const end = "update oauth_access_tokens set expires_at = now() - interval '1 second' where id = ? returning id"
  await services.db.query(end, [second.id])
  t.equal(await services.tokens.countIssued(second.id), 0)
  await services.tokens.revoke(first.user.id, second.id)
  t.equal(await opens(app, third.token), 200)
  t.equal((await requester(app, bearer(third.token)).delete('/api/tokens/current')).statusCode, 204)
})

t.test('revoking the successor leaves the old text to its overlap', async t => {
  const first = await actingAs(services, SCOPES)
  const { token } = await rotate(t, first.token)
  await requester(app, bearer(token)).delete('/api/tokens/current')
  t.strictSame(await statuses([first.token, token]), [200, 401])
})

t.test('a bulk revocation revokes the requesting token last, and with it the one that it replaced', async t => {
  const first = await actingAs(services, SCOPES)
  const { token } = await rotate(t, first.token)
  const other = await actingAs(services, [], { user: first.user })
  const answer = await requester(app, bearer(token)).delete('/api/tokens')
  t.strictSame([answer.statusCode, answer.json()], [200, { data: { count: 3 } }])
  t.strictSame(await statuses([first.token, token, other.token]), [401, 401, 401])
})

t.test('of a rotation and a revocation at once, nothing survives', async t => {
  const nodes = await testNodes(t)
  for (let round = 0; round < 5; round++) {
    const [one, two] = nodes
    const { id, user } = await actingAs(one.services, SCOPES)
    const owner = { id: user.id, role: 'user' as const }
    const [rotated] = await Promise.allSettled([
      two.services.tokens.rotate(owner, id, { overlapSeconds: 60 }),
      one.services.tokens.revoke(user.id, id),
    ])
    if (rotated.status === 'rejected') continue
    const [row] = await one.services.db.query('select revoked from oauth_access_tokens where id = ?', [
      rotated.value.token.id,
    ])
    t.match(row, { revoked: true })
  }
})

t.test('the pages say how many before they revoke', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const { token: first, plainText } = await services.tokens.issuePersonal({ user, name: 'deploy', scopes: SCOPES })
  const page = () => browser.get(`/tokens/${first.id}/revoke`)
  t.notMatch((await page()).body, /also revokes/)
  const second = await rotate(t, plainText)
  t.match((await page()).body, /This also revokes 1 token that was issued with this one or replaced it/)
  await form(app, '/oauth/token', exchangeOf(second.token))
  t.match((await page()).body, /This also revokes 2 tokens/)
  const administrator = new Browser(app)
  await administrator.signIn(await newUser(services, 'admin'))
  t.match((await administrator.get(`/manage/tokens/${first.id}/revoke`)).body, /This also revokes 2 tokens/)
  const { headers } = await actingAs(services, ['admin:read'], { role: 'admin' })
  t.equal((await requester(app, headers).get(`/admin/tokens/${first.id}`)).json().data.issued_tokens, 2)
  const done = await browser.submit(await page(), {}, /revoke$/)
  t.match((await browser.get(locationOf(done).pathname)).body, /revoked, and <bdi>2<\/bdi> more/)
})

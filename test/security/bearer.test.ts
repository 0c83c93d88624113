import t from 'tap'
import { actingAs, ISSUER, testApp } from '../helpers/app.ts'
import { listening } from '../helpers/raw.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** How a token may come, and what is said when it does not (RFC 6750). */

const { app, services } = await testApp(t)
const { token, headers } = await actingAs(services, ['tokens:read'])
const REALM = 'Bearer realm="postern"'
/** Where to get a token (RFC 9728 §5.1). */
const WHERE = `resource_metadata="${ISSUER}/.well-known/oauth-protected-resource"`
const NONE = `${REALM}, ${WHERE}`

const send = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await app.inject({ url, headers })
  return { ...answer, challenge: answer.headers['www-authenticate'], status: answer.statusCode, text: answer.body }
}

t.test('no token: 401 without an error code, in JSON whatever Accept is', async t => {
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    'Bearer    ',
    'Basic YTpi',
    'Digest x',
    token,
    `Token ${token}`,
    `Bearer:${token}`,
  ]) {
    const answer = await send('/api/user', { authorization, accept: 'text/html' })
    t.equal(answer.status, 401, authorization.slice(0, 12))
    t.equal(answer.challenge, NONE)
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.match(answer.json(), { status: 401, detail: /Authorization: Bearer <token>/ })
  }
})

t.test('bearer in any letter case, with several blanks', async t => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer  ']) {
    t.equal((await send('/api/user', { authorization: `${scheme} ${token}` })).status, 200, scheme)
  }
})

t.test('a token in the query is rejected, with and without the header', async t => {
  t.match(await send(`/api/user?access_token=${token}`), { status: 401, text: /logs/ })
  t.match(await send(`/api/user?access_token=${token}`, headers), { status: 400, challenge: /error="invalid_request"/ })
  t.equal((await send(`/api/user?ACCESS_TOKEN=${token}`)).status, 401)
  t.match(await send(`/api/tokens?access_token=${token}`), { status: 401, text: /logs/ }, 'where a query is described')
})

t.test('a token in a body is rejected', async t => {
  const body = `access_token=${token}`
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const extra of [{}, headers]) {
    const answer = await app.inject({ method: 'PUT', url: '/api/user', headers: { ...form, ...extra }, payload: body })
    t.ok([400, 415].includes(answer.statusCode), String(answer.statusCode))
    const json = await app.inject({ method: 'PUT', url: '/api/user', headers: extra, payload: { access_token: token } })
    t.equal(json.statusCode, extra === headers ? 422 : 401)
  }
})

t.test('of two Authorization headers only the first counts', async t => {
  const send = await listening(t, services)
  const status = async (...authorization: string[]) => {
    const lines = ['GET /api/user HTTP/1.1', 'host: localhost', 'connection: close']
    const all = [...lines, ...authorization.map(text => `authorization: ${text}`)]
    return (await send(`${all.join('\r\n')}\r\n\r\n`)).statusCode
  }
  t.equal(await status('Bearer nonsense', `Bearer ${token}`), 401)
  t.equal(await status(`Bearer ${token}`), 200)
})

t.test('a malformed token is rejected', async t => {
  for (const text of [
    '|',
    '|x',
    '1ABC|x',
    'null',
    'undefined',
    '[object Object]',
    '../..',
    "' or 1=1",
    'é',
    '😀',
    '%00',
    '.',
    '..',
    'a.b.c',
    'post_',
    `post_${'0'.repeat(46)}`,
    'x'.repeat(8_000),
  ]) {
    const answer = await send('/api/user', { authorization: `Bearer ${Buffer.from(text).toString('latin1')}` })
    t.equal(answer.status, 401, text.slice(0, 20))
    t.match(
      answer.challenge,
      /^Bearer realm="postern", error="invalid_token", error_description="[^"]+", (scope="[^"]+", )?resource_/,
    )
  }
})

t.test('a missing scope is 403, and named', async t => {
  const answer = await requester(app, headers).delete('/api/tokens')
  t.equal(answer.statusCode, 403)
  t.equal(
    answer.headers['www-authenticate'],
    `${REALM}, error="insufficient_scope", error_description="This needs the scope tokens:write.", scope="tokens:write", ${WHERE}`,
  )
  t.match(answer.json(), {
    detail: 'This needs the scope tokens:write; the token has tokens:read.',
    required: { all: ['tokens:write'] },
    granted: ['tokens:read'],
    missing: ['tokens:write'],
  })
})

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`disabling the user closes every token on the very next request, enabling opens them: ${format}`, async t => {
    const one = await actingAs(services, [], { format })
    const two = await actingAs(services, [], { user: one.user, format })
    const stranger = await actingAs(services, [], { format })
    const statuses = async () =>
      Promise.all([one, two, stranger].map(async a => (await send('/api/user', a.headers)).status))
    t.strictSame(await statuses(), [200, 200, 200])
    await services.users.disable(one.user.id.toUpperCase())
    t.strictSame(await statuses(), [401, 401, 200])
    t.match((await send('/api/user', one.headers)).challenge, /error="invalid_token", error_description="[^"]*disabled/)
    await services.users.enable(one.user.id)
    t.strictSame(await statuses(), [200, 200, 200])
  })

  t.test(`a token whose user or row is gone is not known: ${format}`, async t => {
    for (const gone of ['users', 'oauth_access_tokens'] as const) {
      const { id, user, headers } = await actingAs(services, [], { format })
      await services.db.query(`delete from ${gone} where id = ?`, [gone === 'users' ? user.id : id])
      t.equal((await send('/api/user', headers)).status, 401)
    }
  })
}

t.test('an opaque token for another resource server is rejected', async t => {
  const { id, headers } = await actingAs(services, [], { format: 'opaque' })
  await services.db.query("update oauth_access_tokens set audience = 'https://orders.example' where id = ?", [id])
  for (const when of ['asked for', 'remembered']) t.equal((await send('/api/user', headers)).status, 401, when)
})

t.test('an opaque token with a typing error is detected by its checksum', async t => {
  const { token } = await actingAs(services, [], { format: 'opaque' })
  t.equal((await send('/api/user', bearer(token))).status, 200)
  const typed = [token.toUpperCase(), token.replace('post_', 'pots_'), token.slice(0, -1), `${token}0`, token.slice(5)]
  for (const text of typed) t.equal((await send('/api/user', bearer(text))).status, 401, text)
})

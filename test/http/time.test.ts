import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { basic } from '../helpers/oauth.ts'
import { isProblem } from '../helpers/problem.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const { headers, user, id } = await actingAs(services, ['tokens:write', 'admin:read', 'admin:write'], { role: 'admin' })
const ask = requester(app, headers)
const api = await services.clients.create({ name: 'API', audience: 'https://api.example.com' })
const reports = requester(app, basic(api.client.id, api.secret))

/** RFC 3339 admits these; no `Date`, or no database, holds them. */
const IMPOSSIBLE = [
  '2030-02-31T00:00:00Z',
  '2016-12-31T23:59:60Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
]

t.test('a time that cannot be held is a 422 that names its field, at every route that takes one', async t => {
  for (const time of IMPOSSIBLE) {
    const at = encodeURIComponent(time)
    const answers = {
      since: await ask.get(`/admin/audit?since=${at}`),
      until: await ask.get(`/admin/audit?until=${at}`),
      expires_at: await ask.post('/api/tokens', { name: 'x', expires_at: time }),
      made_before: await ask.post('/admin/tokens/revoke', { made_before: time, dry_run: true }),
      unused_since: await ask.post('/admin/tokens/revoke', { unused_since: time, dry_run: true }),
      'uses/0/at': await reports.post('/oauth/usage', { uses: [{ id, at: time }] }),
    }
    const listed = await ask.get(`/admin/tokens?made_before=${at}`)
    t.match(listed.json().errors, [{ path: 'made_before' }], time)
    const forUser = await ask.post(`/admin/users/${user.id}/tokens`, { name: 'x', expires_at: time })
    t.match(forUser.json().errors, [{ path: 'expires_at' }], time)
    for (const [field, answer] of Object.entries(answers)) {
      isProblem(t, answer, 422, `${field} ${time}`)
      t.match(answer.json().errors, [{ path: field }], `${field} ${time}`)
    }
  }
})

t.test('the first and the last instant that can be held are taken', async t => {
  for (const time of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z']) {
    t.equal((await ask.get(`/admin/audit?since=${encodeURIComponent(time)}`)).statusCode, 200, time)
  }
})

t.test('durations that are negative, no numbers or beyond every limit are a 422 that names the field', async t => {
  const { client } = await services.clients.create({ name: 'cron', grantTypes: ['client_credentials'] })
  for (const seconds of [-1, 1.5, 1e10, 1e300, '60', '-0']) {
    const responses = {
      expires_in: await ask.post('/api/tokens', { name: 'x', expires_in: seconds }),
      overlap: await ask.post(`/api/tokens/${id}/rotate`, { overlap: seconds }),
      access_token_lifetime: await ask.patch(`/admin/clients/${client.id}`, { access_token_lifetime: seconds }),
      refresh_token_lifetime: await ask.patch(`/admin/clients/${client.id}`, { refresh_token_lifetime: seconds }),
    }
    for (const [field, response] of Object.entries(responses)) {
      isProblem(t, response, 422, `${field} ${seconds}`)
      t.match(response.json().errors, [{ path: field }], `${field} ${seconds}`)
    }
    const secret = await ask.post(`/admin/clients/${client.id}/secret`, { overlap: seconds })
    t.equal(secret.statusCode, 422, `overlap of a secret ${seconds}`)
  }
})

t.test('the form of a token takes no impossible date and no endless duration', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const page = await browser.get('/tokens/new')
  const fields = [
    ...['0000-01-01', '2030-02-31', '9999-12-31', '-000001-01-01', '+275760-09-13', '2016-12-31T23:59:60Z'].map(
      day => ({
        expires_in: 'date',
        expires_on: day,
      }),
    ),
    ...['0d', '-1d', '1e9d', '99999999999y', `${'9'.repeat(400)}d`, 'P275760Y'].map(expires_in => ({ expires_in })),
  ]
  for (const each of fields) {
    const response = await browser.submit(page, { name: 'x', ...each }, /tokens$/)
    t.equal(response.statusCode, 400, JSON.stringify(each))
    t.match(response.body, /Choose|must not be later/, JSON.stringify(each))
  }
})

t.test('an embedding application may pass no time that is none', async t => {
  for (const expiresAt of [new Date(Number.NaN), new Date(8.64e15)]) {
    const issued = services.tokens.issuePersonal({ user, name: 'x', expiresAt })
    await t.rejects(issued, { status: 422, message: /must not be later than/ } as never)
  }
  const past = services.tokens.issuePersonal({ user, name: 'x', expiresAt: new Date(-8.64e15) })
  await t.rejects(past, { status: 422, message: /must be in the future/ } as never)
})

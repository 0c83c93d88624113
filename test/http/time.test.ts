import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { isProblem } from '../helpers/problem.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const { headers } = await actingAs(services, ['tokens:write', 'admin:read', 'admin:write'], { role: 'admin' })
const ask = requester(app, headers)

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
    }
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

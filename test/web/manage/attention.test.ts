import t from 'tap'
import { actingAs, newUser, testApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'
import { leaveOperation } from '../../helpers/operation.ts'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

const DAY_MS = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString()

/** What needs attention, with where it leads. */
const linesOf = (body: string) =>
  [...body.matchAll(/<li><span class="grow">(.*?)<\/span> <a href="([^"]*)" aria-label="([^"]*)"/g)].map(
    ([, html = '', href = '', label = '']) => ({
      text: html.replaceAll(/<\/?bdi>/g, ''),
      href: href.replaceAll('&amp;', '&'),
      label,
    }),
  )
const names = (body: string) => [...body.matchAll(/<th scope="row"><a [^>]*><bdi>([^<]*)/g)].map(([, name]) => name)
const events = (body: string) => [...body.matchAll(/<th scope="row">/g)].length

/** Events as they would have been recorded on these days. */
const record = (kind: string, columns: { user_id?: string; client_id?: string }, days: number, times = 1) =>
  services.db.query(
    `insert into audit_events (id, at, kind, user_id, client_id, details)
     select (lpad(to_hex((extract(epoch from ?::timestamptz) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
       || '8' || substr(md5(random()::text), 1, 15))::uuid, ?::timestamptz, ?, ?::uuid, ?::uuid, '{}'
     from generate_series(1, ?)`,
    [ago(days), ago(days), kind, columns.user_id ?? null, columns.client_id ?? null, times],
  )

t.test('the overview leads to everything that needs attention', async t => {
  const user = await newUser(services)
  await services.users.update(user.id, { name: '<i>Ada</i>' })
  const issue = async (name: string, sql: string) => {
    const { token } = await services.tokens.issuePersonal({ user, name })
    await services.db.query(`update oauth_access_tokens set ${sql} where id = ?`, [token.id])
  }
  await issue('soon', `expires_at = '${ago(-3)}'`)
  await issue('idle', `created_at = '${ago(200)}', last_used_at = '${ago(100)}'`)
  await issue('never', `created_at = '${ago(40)}'`)
  await issue('in use', `created_at = '${ago(40)}', last_used_at = '${ago(1)}'`)
  // Apps renew such tokens themselves.
  const { client: app } = await services.clients.create({ name: 'Calendar' })
  const { id: granted } = await actingAs(services)
  await services.db.query(`update oauth_access_tokens set client_id = ?, expires_at = '${ago(-0.1)}' where id = ?`, [
    app.id,
    granted,
  ])
  const { client: refused } = await services.clients.create({ name: 'Gateway & Co' })
  const { client: calm } = await services.clients.create({ name: 'Calm' })
  const forgetful = await newUser(services)
  await record('client.authentication_failed', { client_id: refused.id }, 0, 3)
  await record('client.authentication_failed', { client_id: calm.id }, 0, 2)
  await record('client.authentication_failed', { client_id: calm.id }, 3, 40)
  await record('sign_in.failed', { user_id: user.id }, 0, 6)
  await record('sign_in.failed', { user_id: forgetful.id }, 0, 4)
  await record('sign_in.failed', {}, 0, 50)
  await record('token.reused', { user_id: user.id, client_id: app.id }, 0)
  const { operation } = await leaveOperation(services)
  const { operation: failed } = await leaveOperation(services)
  await services.db.query(`update operations set status = 'failed', finished_at = now() where id = ?`, [failed.id])
  const { operation: cancelled } = await leaveOperation(services)
  await services.operations.cancel(cancelled.id)

  const { body } = await browser.get('/manage')
  const lines = linesOf(body)
  t.strictSame(
    lines.map(({ text }) => text),
    [
      'Revoking tokens failed: 1,000 of about 2,502 tokens revoked',
      'Revoking tokens: 1,000 of about 2,502 tokens revoked',
      '1 token expires within 7 days',
      '1 active token has not been used for 90 days, or never',
      '1 active token that was created more than 30 days ago has never been used',
      '60 failed sign-ins today',
      '&lt;i&gt;Ada&lt;/i&gt;: 6 failed sign-ins since yesterday',
      'Gateway &amp; Co failed to authenticate 3 times since yesterday',
      'Calendar: a code or refresh token was reused 1 time since yesterday',
    ],
  )
  for (const { label, text } of lines)
    t.equal(label, `Show: ${text}`, 'links are told apart without what is around them')
  t.notMatch(body, '<i>')
  t.notMatch(lines.map(({ text }) => text).join(), 'Calm')

  const open = async (n: number) => (await browser.get(lines[n]?.href as string)).body
  t.strictSame(
    lines.slice(0, 2).map(({ href }) => href),
    [`/operations/${failed.id}`, `/operations/${operation.id}`],
  )
  t.match(await open(0), 'Failed')
  t.match(await open(1), 'In progress')
  t.strictSame(names(await open(2)), ['soon'])
  t.strictSame(names(await open(3)), ['idle'])
  t.strictSame(names(await open(4)), ['never'])
  t.equal(events(await open(6)), 6)
  t.equal(events(await open(7)), 3)
  t.equal(events(await open(8)), 1)
})

t.test('nothing is named where nothing needs attention', async t => {
  const { app, services } = await testApp(t)
  const calm = new Browser(app)
  await calm.signIn(await newUser(services, 'admin'))
  t.notMatch((await calm.get('/manage')).body, 'Needs attention')
})

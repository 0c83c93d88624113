import t from 'tap'
import { newUser, testApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

const DAY_MS = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString()

/** A column of the tables beside the pictures: how many on each day. */
function counts(body: string, title: string): number[] {
  for (const [table] of body.matchAll(/<table>.*?<\/table>/gs)) {
    const column = [...table.matchAll(/<th scope="col">([^<]*)/g)].findIndex(([, name]) => name === title)
    const rows = [...table.matchAll(/<tr><th>[^<]*((?:<td>[\d,]+)+)/g)].map(([, cells = '']) => cells.split('<td>'))
    if (column > 0) return rows.map(cells => Number(cells[column]?.replaceAll(',', '')))
  }
  return []
}

t.test('the charts show the figures', async t => {
  const issue = async (name: string) => (await services.tokens.issuePersonal({ user: admin, name })).token.id
  const set = (id: string, values: string) =>
    services.db.query(`update oauth_access_tokens set ${values} where id = ?`, [id])
  const old = await issue('old')
  await set(old, `created_at = '${ago(200)}', expires_at = '${ago(-2.5)}'`)
  const died = await issue('died')
  await set(died, `created_at = '${ago(200)}', expires_at = '${ago(3)}'`)
  const revoked = await issue('revoked')
  await services.revokeToken(revoked)
  await set(revoked, `created_at = '${ago(200)}', updated_at = '${ago(1)}'`)
  const fresh = await issue('fresh')
  await set(fresh, `expires_at = '${ago(-0.5)}'`)
  const far = await issue('far')
  await set(far, `expires_at = '${ago(-300)}'`)
  await new Browser(app).signIn(admin, 'wrong')

  const { body } = await browser.get('/manage')
  const live = counts(body, 'Active tokens')
  t.equal(live.length, 30)
  t.strictSame(live.slice(-5), [3, 2, 2, 1, 3], 'at the end of each day')
  t.ok(live.slice(0, 25).every(n => n === 3))
  t.strictSame(counts(body, 'Tokens issued').slice(-2), [0, 5])
  t.strictSame(counts(body, 'Tokens revoked').slice(-2), [0, 1])
  t.strictSame(counts(body, 'Failed sign-ins').slice(-2), [0, 1])
  const expiring = counts(body, 'Tokens that will expire')
  t.strictSame(expiring.slice(0, 4), [1, 0, 1, 0])
  t.equal(
    expiring.reduce((a, b) => a + b),
    2,
    'what expires later is not in the picture',
  )
})

t.test('charts need no script or inline style, and have a text alternative', async t => {
  const { body, headers } = await browser.get('/manage')
  t.equal([...body.matchAll(/<figure/g)].length, 5)
  t.equal([...body.matchAll(/<figcaption>/g)].length, 5)
  t.equal([...body.matchAll(/<svg [^>]*role="img" aria-labelledby="(\w+)">\s*<title id="\1">/g)].length, 5)
  t.equal([...body.matchAll(/<path d="(M\d+ 100V\d+)*"\/>/g)].length, 5)
  t.match(body, /<path d="M/)
  t.notMatch(body, / style=|<script>/)
  t.equal(
    [...body.matchAll(/<svg data-values="(?:\d+ ){29}\d+" data-from="[^"]+"/g)].length,
    5,
    'numbers to hover over',
  )
  t.match(body, /2 tokens expire within 7 days/)
  t.match(body, /href="\/manage\/tokens\?unused_since=\d{4}-\d\d-\d\d"/)
  t.match(body, /1 failed sign-in today/)
  t.notMatch(headers['content-security-policy'], 'unsafe')
})

t.test('charts cover 30 or 90 days, and are cached for a minute', async t => {
  const { body } = await browser.get('/manage?days=90')
  const before = counts(body, 'Tokens issued')
  t.equal(before.length, 90)
  t.equal(counts((await browser.get('/manage?days=1000')).body, 'Tokens issued').length, 30)
  await services.tokens.issuePersonal({ user: admin, name: 'one more' })
  t.strictSame(counts((await browser.get('/manage?days=90')).body, 'Tokens issued'), before)
})

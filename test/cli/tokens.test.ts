import t from 'tap'
import { oneProcess } from './one-process.ts'
import { type Answer, ONE_LINE } from './postern.ts'

const DAY_MS = 86_400_000
const OTHER = { ISSUER: 'https://other.example.com' }
const PASSWORD = 'correct horse battery'
const postern = await oneProcess(t)
const ada = await postern.inside(async ({ users }) => {
  const { id } = await users.create({ email: 'bob@example.com', name: 'Bob', password: PASSWORD })
  await users.disable(id)
  return users.create({ email: 'ada@example.com', name: 'Ada', password: PASSWORD })
})

await postern.inside(async ({ db }) => void (await db.query("delete from settings where name = 'deployment'")))

const issue = (...more: string[]) => ['token', 'issue', '--user', 'ada@example.com', '--name', 'deploy', ...more]

const current = (token: string) =>
  postern.overHttp(async app =>
    app.inject({ method: 'GET', url: '/api/tokens/current', headers: { authorization: `Bearer ${token}` } }),
  )

t.test('the plain text stands alone on stdout, what it is on stderr', async t => {
  const issued = await postern.run(issue('--scope', 'orders:read', 'tokens:read', '--expires-in', '30d'))
  t.equal(issued.code, 0)
  t.match(issued.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  t.match(issued.stderr, /^deploy \(orders:read tokens:read\) for ada@example\.com; expires .+; ID [0-9a-f-]{36}\n$/)
  const kept = await postern.run(['token', 'list', '--user', 'ada@example.com'], { env: OTHER })
  t.match(
    kept,
    { code: 1, stderr: /ISSUER is https:\/\/other\.example\.com, but/ },
    'its issuer is kept before any server starts',
  )
  const { data } = (await current(issued.stdout.trim())).json()
  t.match(data, { name: 'deploy', scopes: ['orders:read', 'tokens:read'], format: 'jwt' })
  t.equal(Math.round((Date.parse(data.expires_at) - Date.parse(data.created_at)) / DAY_MS), 30)
})

t.test('in JSON it answers as the API does; once revoked it opens nothing', async t => {
  const options = ['--format', 'opaque', '--scope', 'orders:read', '--scope', 'orders:create']
  const { token, data, user, ...rest } = await postern.json(issue(...options))
  t.same(rest, {})
  t.match(token, /^post_\w{46}$/)
  t.match(data, { name: 'deploy', scopes: ['orders:read', 'orders:create'], format: 'opaque', revoked: false })
  t.match(user, { id: ada.id, email: 'ada@example.com' })

  const revoked = await postern.run(['token', 'revoke', data.id])
  t.match(revoked, { code: 0, stdout: 'Revoked deploy (orders:read orders:create)\n' })
  t.equal((await current(token)).statusCode, 401)

  const live = await postern.json(['token', 'list', '--user', ada.id])
  t.notOk(live.data.some((row: Answer) => row.id === data.id))
  const all = await postern.run(['token', 'list', '--user', 'ada@example.com', '--all'])
  t.match(all.stdout, new RegExp(`^${data.id} +deploy +orders:read orders:create +opaque +revoked `, 'm'))
  t.notOk(all.stdout.includes(token))
})

t.test('what cannot be is refused in one line', async t => {
  const beyond = await postern.run(issue('--expires-in', 'P9Y'))
  t.match(beyond, { code: 1, stdout: '', stderr: /^postern: --expires-in must not be later than \S+\n$/ })
  const unknown = await postern.run(['token', 'list', '--user', 'nobody@example.com'])
  t.match(unknown, { code: 1, stdout: '', stderr: /^postern: There is no user nobody@example\.com\. .+\n$/ })
  const gone = await postern.run(['token', 'revoke', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'])
  t.same(gone, { code: 1, stdout: '', stderr: 'postern: There is no token 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11.\n' })
})

t.test('what cannot be understood is wrong usage, and tries nothing', async t => {
  for (const long of ['P200Y', '99999999999y', `${'9'.repeat(400)}d`]) {
    const endless = await postern.run(issue('--expires-in', long))
    t.match(endless, { code: 2, stdout: '', stderr: /--expires-in.*of at most 100 years/ }, long)
  }
  for (const words of [issue('--expires-in', 'soon'), issue('--format', 'xml'), ['token', 'revoke', 'deploy']]) {
    t.match(await postern.run(words, { env: { SCOPES_FILE: '/nowhere' } }), { code: 2, stdout: '', stderr: ONE_LINE })
  }
})

t.test('nothing is issued for a disabled user', async t => {
  const refused = await postern.run(['token', 'issue', '--user', 'bob@example.com', '--name', 'deploy'])
  t.match(refused, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(refused.stderr, 'postern user enable bob@example.com')
})

import t from 'tap'
import { commandLine, ONE_LINE } from './postern.ts'

const DAY_MS = 86_400_000
const postern = await commandLine(t)
const { data: ada } = await postern.json(
  ['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin'],
  { input: 'correct horse battery' },
)

const issue = (...more: string[]) => ['token', 'issue', '--user', 'ada@example.com', '--name', 'deploy', ...more]

function statusWith(token: string, url = '/api/user'): Promise<number> {
  return postern.overHttp(async app => {
    const answer = await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
    return answer.statusCode
  })
}

t.test('the plain text stands alone on stdout, what it is on stderr', async t => {
  const issued = await postern.run(issue('--scope', 'orders:read', 'tokens:read', '--expires-in', '30d'))
  t.equal(issued.code, 0)
  t.match(issued.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  t.match(issued.stderr, /^deploy \(orders:read tokens:read\) for ada@example\.com; expires .+; id [0-9a-f-]{36}\n$/)
  const token = issued.stdout.trim()
  await postern.overHttp(async app => {
    const headers = { authorization: `Bearer ${token}` }
    const { data } = (await app.inject({ url: '/api/tokens/current', headers })).json()
    t.match(data, { name: 'deploy', scopes: ['orders:read', 'tokens:read'], format: 'jwt' })
    t.equal(Math.round((Date.parse(data.expires_at) - Date.parse(data.created_at)) / DAY_MS), 30)
  })
})

t.test('in JSON it answers as the API does', async t => {
  const answer = await postern.json(issue('--format', 'opaque', '--scope', 'orders:read', '--scope', 'orders:create'))
  t.same(Object.keys(answer), ['token', 'data', 'user'])
  t.match(answer.token, /^post_\w{46}$/)
  t.match(answer.data, { name: 'deploy', scopes: ['orders:read', 'orders:create'], format: 'opaque', revoked: false })
  t.match(answer.user, { id: ada.id, email: 'ada@example.com' })
  t.match(new Date(answer.data.expires_at).toISOString(), answer.data.expires_at)
})

t.test('a revoked token opens nothing, and is listed only when all are asked for', async t => {
  const { token, data } = await postern.json(issue())
  t.equal(await statusWith(token), 200)
  t.match(await postern.run(['token', 'revoke', data.id]), {
    code: 0,
    stdout: 'Revoked deploy (user:read orders:read)\n',
  })
  t.equal(await statusWith(token), 401)
  const ids = async (...more: string[]) => {
    const { data: listed } = await postern.json(['token', 'list', '--user', ada.id, ...more])
    return listed.map((row: { id: string }) => row.id)
  }
  t.notOk((await ids()).includes(data.id))
  t.ok((await ids('--all')).includes(data.id))
  const table = await postern.run(['token', 'list', '--user', 'ada@example.com', '--all'])
  t.match(table.stdout, new RegExp(`^${data.id} +deploy +user:read orders:read +jwt +revoked `, 'm'))
  t.notOk(table.stdout.includes(token))
})

t.test('what cannot be is refused in one line', async t => {
  const unknownUser = await postern.run(['token', 'issue', '--user', 'bob@example.com', '--name', 'x'])
  t.match(unknownUser, { code: 1, stdout: '', stderr: ONE_LINE })
  const beyond = await postern.run(issue('--expires-in', 'P9Y'))
  t.match(beyond, { code: 1, stdout: '', stderr: /^postern: --expires-in must not lie beyond \S+\n$/ })
  const admin = await postern.run(issue('--scope', 'admin:write'))
  t.match(admin, { code: 1, stdout: '', stderr: /^postern: --scope admin:write: only an administrator/ })
  const gone = await postern.run(['token', 'revoke', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'])
  t.same(gone, { code: 1, stdout: '', stderr: 'postern: There is no token 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11.\n' })
})

t.test('what cannot be understood is wrong usage, and tries nothing', async t => {
  for (const words of [issue('--expires-in', 'soon'), issue('--format', 'xml'), ['token', 'revoke', 'deploy']]) {
    t.match(await postern.run(words, { env: { SCOPES_FILE: '/nowhere' } }), { code: 2, stdout: '', stderr: ONE_LINE })
  }
})

t.test('nothing is issued for a disabled user', async t => {
  await postern.run(['user', 'disable', 'ada@example.com'])
  const refused = await postern.run(issue())
  t.match(refused, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(refused.stderr, 'postern user enable ada@example.com')
  await postern.run(['user', 'enable', 'ada@example.com'])
})

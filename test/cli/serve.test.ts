import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { commandLine, ONE_LINE, serving } from './postern.ts'

const PASSWORD = 'correct horse battery'
const CREATE = ['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin']
const ISSUE = ['token', 'issue', '--user', 'ada@example.com', '--name', 'deploy']

t.test('a running server obeys the command line at once', { skip: !SERVER && 'one process only' }, async t => {
  const postern = await commandLine(t)
  // The server and the commands agree on who issues.
  postern.env.ISSUER = 'https://id.example.com'
  const server = await serving(t, postern)
  const statusWith = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${server.url}/api/user`, { headers })).status
  }
  await postern.run(CREATE, { input: PASSWORD })
  const one = await postern.json(ISSUE)
  const other = await postern.json([...ISSUE, '--format', 'opaque'])
  t.equal(await statusWith(one.token), 200)
  t.equal(await statusWith(other.token), 200)

  await postern.json(['token', 'revoke', one.data.id])
  t.equal(await statusWith(one.token), 401)
  t.equal(await statusWith(other.token), 200)

  await postern.json(['user', 'disable', 'ada@example.com'])
  t.equal(await statusWith(other.token), 401)
  await postern.json(['user', 'enable', 'ada@example.com'])
  t.equal(await statusWith(other.token), 200)

  await postern.json(['keys', 'rotate'])
  const { token } = await postern.json(ISSUE)
  t.equal(await statusWith(token), 200)

  await postern.run(['prune', '--hours', '0'])
  t.equal(await statusWith(token), 200)
  t.equal(await server.stop(), 0)
})

t.test(
  'while a server holds the embedded database, a command says so',
  { skip: SERVER ? 'shared' : false },
  async t => {
    const postern = await commandLine(t)
    const server = await serving(t, postern)
    const { code, stdout, stderr } = await postern.run(CREATE, { input: PASSWORD })
    t.same({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, ONE_LINE)
    t.match(stderr, 'in use by another Postern process')
    t.equal((await postern.run(['scopes'])).code, 0)
    t.equal(await server.stop(), 0)
    t.equal((await postern.run(CREATE, { input: PASSWORD })).code, 0)
  },
)

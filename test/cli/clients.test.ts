import t from 'tap'
import { commandLine, ONE_LINE } from './postern.ts'

const postern = await commandLine(t)
const REDIRECT = 'https://orders.example.com/callback'

t.test('a confidential client is created, and its secret shown once', async t => {
  const made = await postern.run(['client', 'create', '--name', 'reports', '--scope', 'orders:read'])
  t.equal(made.code, 0)
  t.match(made.stdout, /^client_id {6}[0-9a-f-]{36}\nclient_secret {2}[\w-]{43}\n$/)
  t.match(made.stderr, 'shown this once')
  const secret = made.stdout.trim().split(/\s+/).at(-1) as string
  const listed = await postern.run(['client', 'list', '--json'])
  t.notOk(listed.stdout.includes(secret))
  t.match(
    JSON.parse(listed.stdout).data.find((c: { name: string }) => c.name === 'reports'),
    {
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      scopes: ['orders:read'],
      audience: null,
      revoked: false,
    },
  )
})

t.test('in JSON there are the id and the secret, and no secret for a public client', async t => {
  const confidential = await postern.json(['client', 'create', '--name', 'machine'])
  t.same(Object.keys(confidential), ['client_id', 'client_secret'])
  const publicClient = await postern.json(['client', 'create', '--name', 'app', '--public', '--redirect-uri', REDIRECT])
  t.same(Object.keys(publicClient), ['client_id'])
})

t.test('grants may be named shortly, and options repeated', async t => {
  const options = ['--public', '--grant', 'device_code', '--grant', 'refresh_token']
  const { client_id } = await postern.json(['client', 'create', '--name', 'television', ...options])
  const { data } = await postern.json(['client', 'list'])
  t.match(
    data.find((c: { id: string }) => c.id === client_id),
    {
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      scopes: null,
    },
  )
})

t.test('what cannot be is refused in one line', async t => {
  const create = (...more: string[]) => postern.run(['client', 'create', '--name', 'bad', ...more])
  const script = await create('--redirect-uri', 'javascript:alert(1)')
  t.same(script, { code: 1, stdout: '', stderr: 'postern: --redirect-uri must not use javascript:\n' })
  const unknown = await create('--scope', 'ordes:read')
  t.match(unknown, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(unknown.stderr, /^postern: --scope is not a scope: "ordes:read"\. There are .*orders:read/)
  t.match(await create('--grant', 'password'), {
    code: 1,
    stderr: /^postern: --grant must be one of authorization_code/,
  })
  t.match(await create('--token-format', 'xml'), { code: 2, stderr: ONE_LINE })
})

t.test('a revoked client is revoked; an unknown one cannot be', async t => {
  const { client_id } = await postern.json(['client', 'create', '--name', 'gone'])
  t.match(await postern.json(['client', 'revoke', client_id]), { data: { id: client_id, revoked: true } })
  const list = await postern.run(['client', 'list'])
  t.match(list.stdout, new RegExp(`^${client_id} +gone +confidential +client_credentials +every +revoked$`, 'm'))
  const unknown = await postern.run(['client', 'revoke', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'])
  t.same(unknown, { code: 1, stdout: '', stderr: 'postern: There is no such client.\n' })
  t.match(await postern.run(['client', 'revoke', 'reports']), { code: 2, stdout: '', stderr: ONE_LINE })
})

import t from 'tap'
import { oneProcess } from './one-process.ts'
import { type Answer, ONE_LINE } from './postern.ts'

const postern = await oneProcess(t)

t.test('a confidential client: its secret is shown once, rotated with an overlap, and dies with it', async t => {
  const made = await postern.run(['client', 'create', '--name', 'reports', '--scope', 'orders:read'])
  t.equal(made.code, 0)
  t.match(made.stdout, /^client_id {6}[0-9a-f-]{36}\nclient_secret {2}[\w-]{43}\n$/)
  t.match(made.stderr, 'shown only once')
  const [, id = '', , first = ''] = made.stdout.split(/\s+/)
  const second = await postern.json(['client', 'rotate-secret', id, '--overlap', '1h'])
  t.same(Object.keys(second), ['client_id', 'client_secret'])
  t.match(await statusesWith(id, [first, second.client_secret, 'wrong']), [200, 200, 401])
  t.match(await postern.json(['client', 'revoke', id]), { data: { id, revoked: true } })
  t.match(await statusesWith(id, [second.client_secret]), [401])
  const list = await postern.run(['client', 'list'])
  t.match(list.stdout, new RegExp(`^${id} +reports +confidential +client_credentials +orders:read +revoked$`, 'm'))
  for (const secret of [first, second.client_secret]) t.notOk(list.stdout.includes(secret))
})

t.test('what an operator allows a client is set, replaced and taken back', async t => {
  const [stock, orders] = ['https://stock.example.com', 'https://orders.example.com']
  const options = ['--exchange-audience', stock, orders, '--resource', stock]
  const { client_id: id } = await postern.json(['client', 'create', '--name', 'gateway', ...options])
  const listed = await postern.json(['client', 'list'])
  const made = { exchange_audiences: [stock, orders], resources: [stock] }
  t.match(
    listed.data.find((client: Answer) => client.id === id),
    made,
  )
  const changed = await postern.json(['client', 'update', id, '--exchange-audience', orders])
  t.match(changed.data, { ...made, exchange_audiences: [orders] })
  const { data } = await postern.json(['client', 'update', id, '--exchange-audience', '', '--resource', ''])
  t.match(data, { exchange_audiences: [], resources: [] })
  t.equal((await postern.run(['client', 'update', id])).code, 2)
  const switched = await postern.json(['client', 'update', id, '--issues-personal-tokens', '--require-pushed-requests'])
  t.match(switched.data, { issues_personal_tokens: true, require_pushed_authorization_requests: true })
  const off = await postern.json(['client', 'update', id, '--no-issues-personal-tokens'])
  t.match(off.data, { issues_personal_tokens: false, require_pushed_authorization_requests: true })
  const wrong = await postern.run(['client', 'update', id, '--resource', 'orders'])
  t.match(wrong.stderr, ONE_LINE)
  t.match(wrong.stderr, '--resource must be')
})

function statusesWith(client_id: string, secrets: string[]): Promise<number[]> {
  return postern.overHttp(async app => {
    const ask = async (client_secret: string) => {
      const payload = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      return (await app.inject({ method: 'POST', url: '/oauth/token', headers, payload })).statusCode
    }
    return Promise.all(secrets.map(ask))
  })
}

t.test('a host is blocked, listed and unblocked', async t => {
  const blocked = await postern.run(['client', 'block-host', 'App.example.com'])
  t.match([blocked.code, blocked.stdout], [0, 'revoked 0 clients'])
  t.match(await postern.json(['client', 'blocked-hosts']), { data: [{ host: 'app.example.com' }] })
  t.equal((await postern.run(['client', 'unblock-host', 'app.example.com'])).code, 0)
  t.match((await postern.run(['client', 'unblock-host', 'app.example.com'])).stderr, ONE_LINE)
  t.strictSame(await postern.json(['client', 'blocked-hosts']), { data: [] })
  t.not((await postern.run(['client', 'block-host', 'app.example.com:443'])).code, 0)
})

t.test('a public client has no secret; grants may be named shortly, and options repeated', async t => {
  const options = ['--public', '--grant', 'device_code', '--grant', 'refresh_token']
  const made = await postern.json(['client', 'create', '--name', 'television', ...options])
  t.same(Object.keys(made), ['client_id'])
  const { data } = await postern.json(['client', 'list'])
  t.match(
    data.find((client: Answer) => client.id === made.client_id),
    {
      name: 'television',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      scopes: null,
      audience: null,
      revoked: false,
    },
  )
})

t.test('what cannot be is refused in one line', async t => {
  const create = (...more: string[]) => postern.run(['client', 'create', '--name', 'bad', ...more])
  const script = await create('--redirect-uri', 'javascript:alert(1)')
  t.same(script, { code: 1, stdout: '', stderr: 'postern: --redirect-uri must not use javascript:\n' })
  const own = await create('--redirect-uri', 'https://app.example.com/cb?%73tate=x')
  t.equal(own.code, 1)
  t.match(own.stderr, 'must not have state in its query')
  const refreshOnly = await create('--public', '--grant', 'refresh_token')
  t.match(refreshOnly, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(refreshOnly.stderr, '--grant refresh_token needs a grant that issues refresh tokens')
  const openApi = await create('--public', '--audience', 'https://api.example.com')
  t.match(openApi, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(openApi.stderr, '--audience a public client cannot be a resource server')
  const unknown = await create('--scope', 'ordes:read')
  t.match(unknown, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(unknown.stderr, /^postern: --scope is not a scope: "ordes:read"\. There are .*orders:read/)
  const gone = await postern.run(['client', 'revoke', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'])
  t.same(gone, { code: 1, stdout: '', stderr: 'postern: There is no such client.\n' })
})

t.test('what cannot be understood is wrong usage, and tries nothing', async t => {
  const env = { SCOPES_FILE: '/nowhere' }
  for (const words of [
    ['create', '--name', 'bad', '--token-format', 'xml'],
    ['revoke', 'reports'],
    ['rotate-secret', 'reports'],
  ]) {
    t.match(await postern.run(['client', ...words], { env }), { code: 2, stdout: '', stderr: ONE_LINE })
  }
})

import t from 'tap'
import { homeOf } from '../helpers/sign-in.ts'
import { ONE_LINE } from './postern.ts'

const home = await homeOf(t)
await home.signIn()
const { accessToken, expiresAt } = home.stored().content.tokens
const host = new URL(home.issuer).host
const unixTime = Math.floor(new Date(expiresAt).getTime() / 1000)

const tokenFor = (tool: string, operation?: string, input?: string, more: string[] = [], env = {}) =>
  home.run(['token', '--for', tool, ...more, ...(operation ? [operation] : [])], { input: input ?? '', env })

t.test('header, netrc and npm', async t => {
  t.equal((await tokenFor('header')).stdout, `Authorization: Bearer ${accessToken}\n`)
  const hosts = ['--host', 'api.example.com', '--host', 'npm.example.com:8443']
  t.equal(
    (await tokenFor('netrc', undefined, '', hosts)).stdout,
    ['api.example.com', 'npm.example.com']
      .map(name => `machine ${name}\n  login oauth2\n  password ${accessToken}\n`)
      .join(''),
  )
  t.equal(
    (await tokenFor('npm', undefined, '', hosts)).stdout,
    `//api.example.com/:_authToken=${accessToken}\n//npm.example.com:8443/:_authToken=${accessToken}\n`,
  )
})

t.test('git: get, store and erase', async t => {
  const asked = `protocol=http\nhost=${host}\n\n`
  const expiry = `password_expiry_utc=${unixTime}\n`
  t.equal((await tokenFor('git', 'get', asked)).stdout, `username=oauth2\npassword=${accessToken}\n${expiry}`)
  const named = await tokenFor('git', 'get', `${asked.trim()}\nusername=ada\n`)
  t.match(named.stdout, `username=ada\npassword=${accessToken}\n`)
  const capable = 'capability[]=authtype\nwwwauth[]=Bearer realm="x"\n'
  t.equal(
    (await tokenFor('git', 'get', `${capable}${asked}`)).stdout,
    `capability[]=authtype\nauthtype=Bearer\ncredential=${accessToken}\n${expiry}`,
  )
  const both = await tokenFor('git', 'get', `${capable}wwwauth[]=Basic realm="x"\n${asked}`)
  t.match(both.stdout, 'username=oauth2\n')
  t.match(await tokenFor('git', 'store', `${asked.trim()}\nusername=x\npassword=y\n`), { code: 0, stdout: '' })
  t.match(await tokenFor('git', 'erase', `${asked.trim()}\nusername=x\npassword=other\n`), { code: 0, stdout: '' })
  t.equal(home.stored().content.tokens.accessToken, accessToken, 'another password was refused')
  t.match(await tokenFor('git', 'approve', asked), { code: 2, stderr: ONE_LINE })
})

/** A URL parser finds git.example.com in each, and another program possibly another host. */
const NOT_HOSTS = [
  'git.example.com/.evil.example.com',
  'git.example.com\\.evil.example.com',
  'git.example.com?.evil.example.com',
  'git.example.com#.evil.example.com',
  'evil.example.com@git.example.com',
  'git.example.com\t.evil.example.com',
  'git%2eexample.com',
  'git.example.com\x01',
]

t.test('a URL names its host so that every program reads the same one', async t => {
  const hosts = ['--host', 'git.example.com']
  const lines = NOT_HOSTS.slice(1).map(host =>
    JSON.stringify({ v: 1, kind: 'get', registry: { 'index-url': `sparse+https://${host}/index/` }, args: hosts }),
  )
  const cargo = await tokenFor('cargo', undefined, `${lines.join('\n')}\n`)
  t.equal(cargo.stdout.match(/url-not-supported/g)?.length, lines.length, cargo.stdout)
  for (const host of NOT_HOSTS.slice(1)) {
    const docker = await tokenFor('docker', 'get', host, hosts)
    t.match(docker, { code: 1, stdout: 'credentials not found in native keychain\n' }, host)
    const info = { spec: { cluster: { server: `https://${host}` } } }
    const env = { KUBERNETES_EXEC_INFO: JSON.stringify(info) }
    t.match(await tokenFor('kubectl', undefined, '', hosts, env), { code: 1, stdout: '' }, host)
    t.match(await tokenFor('netrc', undefined, '', ['--host', host]), { code: 2, stdout: '', stderr: ONE_LINE }, host)
  }
})

t.test('no tool gets the token for another host, or by plain http', async t => {
  const hosts = ['--host', 'git.example.com']
  for (const asked of [
    `protocol=https\nhost=github.com\n\n`,
    `protocol=http\nhost=git.example.com\n\n`,
    `protocol=https\nhost=git.example.com:444\n\n`,
    `protocol=https\nhost=git.example.com@evil.example.com\n\n`,
    `protocol=ssh\nhost=git.example.com\n\n`,
    ...NOT_HOSTS.map(host => `protocol=https\nhost=${host}\n\n`),
    `protocol=https://git.example.com/\nhost=evil.example.com\n\n`,
    '\n',
  ]) {
    t.match(await tokenFor('git', 'get', asked, hosts), { code: 0, stdout: '' }, asked)
  }
  const docker = await tokenFor('docker', 'get', 'https://index.docker.io/v1/', hosts)
  t.match(docker, { code: 1, stdout: 'credentials not found in native keychain\n' })
  const info = {
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: { cluster: { server: 'https://evil.example.com' } },
  }
  const kubectl = await tokenFor('kubectl', undefined, '', hosts, { KUBERNETES_EXEC_INFO: JSON.stringify(info) })
  t.match(kubectl, { code: 1, stdout: '', stderr: /may not be sent to https:\/\/evil\.example\.com/ })
  t.match(await tokenFor('git', 'get', '', ['--host', 'https://git.example.com']), { code: 2, stderr: ONE_LINE })
})

t.test('docker: get, list, store and erase', async t => {
  t.strictSame(JSON.parse((await tokenFor('docker', 'get', `http://${host}\n`)).stdout), {
    ServerURL: `http://${host}`,
    Username: 'oauth2',
    Secret: accessToken,
  })
  const named = ['--host', 'registry.example.com', '--username', 'ada']
  t.match(JSON.parse((await tokenFor('docker', 'get', 'registry.example.com', named)).stdout), { Username: 'ada' })
  t.strictSame(JSON.parse((await tokenFor('docker', 'list', '', named)).stdout), { 'registry.example.com': 'ada' })
  t.match(await tokenFor('docker', 'erase', 'registry.example.com'), { code: 0, stdout: '' })
  t.match(await tokenFor('docker', 'store', '{}'), { code: 1, stderr: ONE_LINE })
  t.match(await tokenFor('docker'), { code: 2, stderr: ONE_LINE })
})

t.test('kubectl: an ExecCredential of the version that it asked for', async t => {
  const expected = { token: accessToken, expirationTimestamp: `${new Date(expiresAt).toISOString().slice(0, 19)}Z` }
  for (const version of ['v1', 'v1beta1']) {
    const apiVersion = `client.authentication.k8s.io/${version}`
    const env = { KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, spec: { interactive: false } }) }
    t.strictSame(JSON.parse((await tokenFor('kubectl', undefined, '', [], env)).stdout), {
      apiVersion,
      kind: 'ExecCredential',
      status: expected,
    })
  }
})

t.test('cargo: a conversation in lines of JSON', async t => {
  const registry = { 'index-url': `sparse+http://${host}/index/`, name: 'ours' }
  const get = { v: 1, kind: 'get', operation: 'read', registry, args: [] }
  const asked = [
    get,
    { ...get, kind: 'login' },
    { ...get, registry: { 'index-url': 'https://github.com/rust-lang/crates.io-index' } },
    { ...get, v: 2 },
    { ...get, args: ['--host', 'crates.example.com'] },
    { ...get, args: ['--unknown'] },
  ]
  const { code, stdout } = await tokenFor('cargo', undefined, `${asked.map(a => JSON.stringify(a)).join('\n')}\n{\n`)
  t.equal(code, 0)
  t.match(
    stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
    [
      { v: [1] },
      { Ok: { kind: 'get', token: `Bearer ${accessToken}`, cache: 'expires', expiration: unixTime } },
      { Err: { kind: 'operation-not-supported' } },
      { Err: { kind: 'url-not-supported' } },
      { Err: { kind: 'other' } },
      { Err: { kind: 'url-not-supported' } },
      { Err: { kind: 'other', message: /unknown option/ } },
      { Err: { kind: 'other' } },
    ],
  )
})

t.test('a token of the environment has no expiry', async t => {
  const env = { POSTERN_TOKEN: 'post_x' }
  t.equal(
    (await tokenFor('git', 'get', `protocol=http\nhost=${host}\n`, [], env)).stdout,
    'username=oauth2\npassword=post_x\n',
  )
  t.strictSame(JSON.parse((await tokenFor('kubectl', undefined, '', [], env)).stdout).status, { token: 'post_x' })
})

t.test('an unknown tool, and none', async t => {
  t.match(await tokenFor('svn'), { code: 2, stderr: ONE_LINE })
  t.match(await home.run(['token', '--help']), { code: 0, stdout: /token --for <tool>/ })
  t.match(await home.run(['token', '--for', 'git', '--help']), { code: 0, stdout: /--host <host>/ })
})

t.test('git erase: the token that a server refused is refreshed', async t => {
  t.match(await tokenFor('git', 'erase', `protocol=http\nhost=${host}\npassword=${accessToken}\n`), { code: 0 })
  t.not(home.stored().content.tokens.accessToken, accessToken)
})

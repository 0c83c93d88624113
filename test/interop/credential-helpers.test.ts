import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nodeGuard } from 'postern/guard/node'
import t from 'tap'
import { homeOf, onPath } from '../helpers/sign-in.ts'

/** The tools themselves, with the token of `postern login`, against a server that the guard protects. */

const home = await homeOf(t)
await home.signIn()
const PATH = onPath(home)
const guard = nodeGuard({ issuer: home.issuer, audience: home.issuer })
t.teardown(() => guard.close())
const mayRead = guard.checkScopes('orders:read')

/** What each request used. */
const used: string[] = []

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  used.push(request.headers.authorization?.split(' ')[0] ?? 'none')
  request.headers.authorization = fromBasic(request.headers.authorization)
  if (request.headers.authorization === undefined) {
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="test", Bearer' }).end()
  }
  if (await mayRead(request, response)) serve(request, response)
}

const server = createServer(receive)
await once(server.listen(0, '127.0.0.1'), 'listening')
t.teardown(() => server.close().closeAllConnections())
const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
const files = new Map<string, string | Buffer>()

function serve({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const file = files.get(url.split('?')[0] as string)
  if (file === undefined) response.writeHead(404).end()
  else response.end(file)
}

/** The token as the password of HTTP Basic. */
function fromBasic(header: string | undefined): string | undefined {
  if (!header?.startsWith('Basic ')) return header
  const text = Buffer.from(header.slice(6), 'base64').toString()
  return `Bearer ${text.slice(text.indexOf(':') + 1)}`
}

const run = (program: string, args: string[], more: NodeJS.ProcessEnv = {}) => {
  const { ISSUER, HOME } = home.env
  const env = { PATH, HOME, ISSUER, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', ...more }
  return promisify(execFile)('env', ['-u', 'NODE_OPTIONS', program, ...args], {
    env,
    cwd: home.folder,
    timeout: 60_000,
  })
}

const skipWithout = (tool: string, ...args: string[]) =>
  spawnSync(tool, args).error === undefined ? false : `${tool} is not installed`

t.test('git', { skip: skipWithout('git', '--version') }, async t => {
  const commit = '0123456789abcdef0123456789abcdef01234567'
  files.set('/repo.git/info/refs', `${commit}\trefs/heads/main\n`)
  files.set('/repo.git/HEAD', 'ref: refs/heads/main\n')
  const helper = `!postern token --for git --host ${host}`
  await run('git', ['config', '--global', `credential.http://${host}.helper`, helper])
  used.length = 0
  const { stdout } = await run('git', ['ls-remote', `http://${host}/repo.git`])
  t.match(stdout, `${commit}\trefs/heads/main\n`)
  t.ok(used.includes('Basic'))

  home.store({ accessToken: 'no.such.token' })
  await t.rejects(run('git', ['ls-remote', `http://${host}/repo.git`]), 'a refused token')
  const again = await run('git', ['ls-remote', `http://${host}/repo.git`])
  t.match(again.stdout, commit, 'which git had erased, so it was refreshed')
})

t.test('npm', { skip: skipWithout('npm', '--version') }, async t => {
  const folder = join(home.folder, 'package')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"ours","version":"1.0.0"}')
  await promisify(execFile)('tar', ['-czf', 'ours.tgz', 'package'], { cwd: home.folder })
  const tarball = readFileSync(join(home.folder, 'ours.tgz'))
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const dist = { tarball: `http://${host}/ours.tgz`, integrity }
  const versions = { '1.0.0': { name: 'ours', version: '1.0.0', dist } }
  files.set('/ours', JSON.stringify({ name: 'ours', 'dist-tags': { latest: '1.0.0' }, versions }))
  files.set('/ours.tgz', tarball)

  const { stdout } = await run('postern', ['token', '--for', 'npm', '--host', host])
  writeFileSync(join(home.folder, '.npmrc'), `registry=http://${host}/\n${stdout}`)
  const project = join(home.folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"private":true}')
  used.length = 0
  await run('npm', ['install', 'ours', '--prefix', project, '--no-audit', '--no-fund', '--no-update-notifier'])
  t.match(JSON.parse(readFileSync(join(project, 'node_modules/ours/package.json'), 'utf8')), { version: '1.0.0' })
  t.strictSame([...new Set(used)], ['Bearer'])
})

t.test('cargo', { skip: skipWithout('cargo', '--version') }, async t => {
  files.set('/index/config.json', JSON.stringify({ dl: `http://${host}/crates`, 'auth-required': true }))
  files.set(
    '/index/ou/rs/ours',
    `${JSON.stringify({ name: 'ours', vers: '1.0.0', deps: [], cksum: '0'.repeat(64), features: {}, yanked: false })}\n`,
  )
  const project = join(home.folder, 'crate')
  mkdirSync(join(project, 'src'), { recursive: true })
  mkdirSync(join(project, '.cargo'))
  writeFileSync(join(project, 'src/lib.rs'), '')
  writeFileSync(
    join(project, 'Cargo.toml'),
    '[package]\nname = "app"\nversion = "0.1.0"\n[dependencies]\nours = { version = "1", registry = "ours" }\n',
  )
  writeFileSync(
    join(project, '.cargo/config.toml'),
    `[registries.ours]\nindex = "sparse+http://${host}/index/"\n` +
      `credential-provider = ["postern", "--host", "${host}"]\n`,
  )
  used.length = 0
  const { RUSTUP_HOME, HOME } = process.env
  const toolchain = { RUSTUP_HOME: RUSTUP_HOME ?? join(HOME as string, '.rustup') }
  const manifest = ['--manifest-path', join(project, 'Cargo.toml')]
  // The configuration is looked for from the working directory on.
  await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', 'cargo', 'generate-lockfile', ...manifest], {
    cwd: project,
    env: { ...home.env, PATH, ...toolchain, CARGO_HOME: join(home.folder, '.cargo-home') },
    timeout: 60_000,
  })
  t.match(readFileSync(join(project, 'Cargo.lock'), 'utf8'), /name = "ours"\nversion = "1\.0\.0"/)
  t.ok(used.includes('Bearer'))
})

t.test(
  'kubectl',
  { skip: skipWithout('kubectl', 'version', '--client') || skipWithout('openssl', 'version') },
  async t => {
    // It sends credentials by TLS only.
    const pair = [
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ]
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...pair])
    const [key, cert] = ['key.pem', 'cert.pem'].map(name => readFileSync(join(home.folder, name)))
    const api = createTlsServer({ key, cert }, receive)
    await once(api.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => api.close().closeAllConnections())
    const address = `127.0.0.1:${(api.address() as AddressInfo).port}`
    files.set('/api/v1/hello', JSON.stringify({ kind: 'Hello' }))
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'postern',
      args: ['token', '--for', 'kubectl', '--host', address],
      interactiveMode: 'Never',
      provideClusterInfo: true,
    }
    const cluster = { server: `https://${address}`, 'certificate-authority': join(home.folder, 'cert.pem') }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }
    const file = join(home.folder, 'kubeconfig.json')
    writeFileSync(file, JSON.stringify(config))
    const { stdout } = await run('kubectl', ['--kubeconfig', file, 'get', '--raw', '/api/v1/hello'])
    t.match(stdout, '"Hello"')
  },
)

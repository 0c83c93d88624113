import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { freePort } from '../../helpers/port.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar, spawnSidecar } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const GOOD = { ISSUER: issuer.url }

const folder = mkdtempSync(join(tmpdir(), 'postern-sidecar-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

async function ended(t: Test, args: string[], env: Record<string, string> = {}) {
  const launched = spawnSidecar(t, { args, env })
  const code = await launched.ended
  return { code, stdout: launched.stdout(), stderr: launched.stderr() }
}

const WRONG_VALUES = {
  ISSUER: ['nonsense', 'ftp://id.example.com', 'https://id.example.com?x', 'https://ada@id.example.com'],
  AUDIENCE: ['orders', 'https://orders.example.com#x', 'https://a.example b'],
  PORT: ['0', '65536', '80x', '-1'],
  HOST: ['http://here', 'a b'],
  BASIC: ['yes', 'ON'],
  RESOURCE: ['urn:orders', 'https://orders.example.com#x'],
  MAX_STALENESS_SECONDS: ['-1', 'PT60S', '86401'],
  INHERIT: ['1'],
  REPORT_USAGE: ['true'],
  LOG_LEVEL: ['loud'],
}

t.test('a wrong value stops the start with one line that names it', async t => {
  const cases = Object.entries(WRONG_VALUES).flatMap(([name, values]) => values.map(value => [name, value] as const))
  await Promise.all(
    cases.map(async ([name, value]) => {
      const { code, stderr } = await ended(t, [], { ...GOOD, [name]: value })
      t.equal(code, 2, `${name}=${value}`)
      t.match(stderr, new RegExp(`^postern-guard: ${name} must be .*\\n$`))
    }),
  )
})

t.test('so does a wrong flag', async t => {
  const cases: [string[], RegExp][] = [
    [[], /^postern-guard: ISSUER is missing: set it, or --issuer\.\n$/],
    [['--issuer', 'x'], /^postern-guard: --issuer must be .*, not "x"\.\n$/],
    [['--issuer', issuer.url, '--audience', ''], /^postern-guard: --audience must be /],
    [['--issuer'], /^postern-guard: .*--issuer.*\n$/],
    [['--audiance', 'x'], /^postern-guard: .*--audiance.*\n$/],
    [['serve'], /^postern-guard: .*serve.*\n$/],
    [['--port', '1', '--port', '2', '--issuer', issuer.url], /^postern-guard: --port is given twice\.\n$/],
    [['--client-secret', 's3cret'], /^postern-guard: Other users can read a secret in a flag.*\n$/],
    [['--client-secret=s3cret'], /^postern-guard: Other users can read a secret in a flag.*\n$/],
    [['--issuer', issuer.url, '--client-id', 'x'], /^postern-guard: CLIENT_SECRET is missing/],
    [['--issuer', issuer.url, '--report-usage', 'on'], /^postern-guard: REPORT_USAGE needs CLIENT_ID/],
  ]
  for (const [args, message] of cases) {
    const { code, stderr } = await ended(t, args)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, message)
    t.notMatch(stderr, /s3cret/)
  }
})

t.test('a secret comes from a variable or a file, and no message shows it', async t => {
  const { clientId, clientSecret } = issuer.guard
  const both = { ...GOOD, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, CLIENT_SECRET_FILE: file('a', 'x') }
  t.match((await ended(t, [], both)).stderr, /CLIENT_SECRET and CLIENT_SECRET_FILE are both set/)
  const missing = await ended(t, ['--client-secret-file', join(folder, 'none')], { ...GOOD, CLIENT_ID: clientId })
  t.match(missing.stderr, /^postern-guard: --client-secret-file .* cannot be read \(ENOENT\)\.\n$/)
  const empty = { ...GOOD, CLIENT_ID: clientId, CLIENT_SECRET_FILE: file('b', '\n') }
  t.match((await ended(t, [], empty)).stderr, /CLIENT_SECRET_FILE .* is empty/)

  const { issuer: url, audience } = issuer.guard
  const env = { CLIENT_ID: clientId, CLIENT_SECRET: '', CLIENT_SECRET_FILE: file('c', `\uFEFF${clientSecret}\r\n`) }
  const sidecar = await launchSidecar(t, { issuer: url, audience }, { env })
  await untilFeedIsLive(sidecar.url)
  t.notMatch(sidecar.stdout(), clientSecret)
})

async function untilFeedIsLive(url: string): Promise<void> {
  while (!(await (await fetch(`${url}/metrics`)).text()).includes('postern_guard_feed_live 1')) {}
}

t.test('flags win over variables, and several audiences are accepted', async t => {
  const port = await freePort()
  const audiences = ['https://a.example.com', 'https://b.example.com']
  const args = ['--port', String(port), '--audience', audiences[0] as string, `--audience=${audiences[1]}`]
  const env = { AUDIENCE: 'https://c.example.com', PORT: '1' }
  await launchSidecar(t, { issuer: issuer.url }, { args: [...args, '--host', '127.0.0.1'], env })
  for (const [audience, status] of [...audiences.map(each => [each, 200]), ['https://c.example.com', 401]]) {
    const token = await issuer.token({ audience: audience as string })
    const response = await fetch(`http://127.0.0.1:${port}/check?token=any`, { headers: bearer(token) })
    t.equal(response.status, status, String(audience))
  }
})

t.test('a port in use is named', async t => {
  const { port } = new URL(issuer.url)
  const { code, stderr } = await ended(t, ['--port', port], GOOD)
  t.equal(code, 1)
  t.equal(stderr, `postern-guard: It cannot listen at PORT ${port} of HOST 127.0.0.1 (EADDRINUSE).\n`)
})

t.test('--help and --version', async t => {
  const help = await ended(t, ['--help'])
  t.equal(help.code, 0)
  for (const name of [...Object.keys(WRONG_VALUES), 'CLIENT_ID', 'CLIENT_SECRET']) t.match(help.stdout, name)
  t.match(await ended(t, ['-v']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

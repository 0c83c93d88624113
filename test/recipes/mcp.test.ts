import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { PLAIN, startCommand, temporaryFolder } from '../cli/postern.ts'
import { Browser } from '../helpers/browser.ts'
import { appAt } from '../helpers/http-app.ts'
import { CALLBACK, Editor, EditorProvider } from '../helpers/mcp-client.ts'
import { freePort } from '../helpers/port.ts'
import { at, recipe } from '../helpers/recipes.ts'

/** docs/recipes/mcp.md as it is written, with other ports: the command, the server, and the official client. */

const ROOT = resolve(import.meta.dirname, '../..')
const [issuerPort, serverPort] = [await freePort(), await freePort()]
const issuer = `http://localhost:${issuerPort}`
const audience = `http://localhost:${serverPort}/mcp`
const env = { PATH: String(process.env.PATH), LOG_LEVEL: 'silent', PORT: String(issuerPort) }

interface Ended {
  code: number | null
  stderr: string
}

/** `postern mcp` until it has printed everything. @returns what it printed, or how it ended */
async function command(t: Test, settings: Record<string, string> = {}, resource = audience): Promise<string | Ended> {
  const child = startCommand(['mcp', '--resource', resource], { ...env, DATA_DIR: temporaryFolder(t), ...settings })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(async () => {
    child.kill('SIGINT')
    await ended
  })
  const errors = text(child.stderr)
  const printed = new Promise<string>(ready => {
    let said = ''
    child.stdout.on('data', chunk => {
      said += chunk
      if (said.includes('mcpServers')) ready(said)
    })
  })
  return Promise.race([printed, ended.then(async code => ({ code, stderr: await errors }))])
}

/** The server of the page. The package is not built here, so the module of the same name stands in for it. */
async function server(t: Test): Promise<void> {
  const code = at(recipe('mcp').ts as string, {
    'http://localhost:3000': issuer,
    'http://localhost:8080': `http://localhost:${serverPort}`,
    'app.listen(8080)': `app.listen(${serverPort}, () => console.log('listens'))`,
    "'postern-guard/mcp'": "'postern/guard/mcp'",
  })
  // Within the project, where the packages are found.
  const fixtures = join(ROOT, '.tap/fixtures')
  mkdirSync(fixtures, { recursive: true })
  const folder = mkdtempSync(join(fixtures, 'recipe-mcp-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'server.ts'), code)
  const [program, ...args] = [...PLAIN, process.execPath, '--conditions=postern-source', join(folder, 'server.ts')]
  const child = spawn(program as string, args, { env: { PATH: env.PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
}

/** The first administrator, with a password of their own. */
async function signedIn(said: string): Promise<Browser> {
  const [email = '', password = ''] = [/e-mail +(\S+)/, /password +(\S+)/].map(each => each.exec(said)?.[1])
  const browser = new Browser(appAt(issuer))
  await browser.signIn({ email }, password)
  const own = 'a password of my own'
  await browser.submit(
    await browser.get('/new-password'),
    { password: own, password_confirmation: own },
    /new-password$/,
  )
  return browser
}

t.test('the command, the server of the page, and a client that nobody registered', async t => {
  const said = await command(t)
  if (typeof said !== 'string') throw new Error(said.stderr)
  t.match(said, `app.use(mcpGuard({ issuer: '${issuer}', audience: '${audience}' }))`)
  t.match(said, `claude mcp add --transport http localhost-${serverPort} ${audience}\n`)
  t.match(said, `{"mcpServers":{"localhost-${serverPort}":{"type":"http","url":"${audience}"}}}`)
  await server(t)
  const browser = await signedIn(said)
  const provider = new EditorProvider({
    async authorize({ pathname, search }) {
      const to = await browser.approve(pathname + search)
      t.ok(to.href.startsWith(CALLBACK))
      return String(to.searchParams.get('code'))
    },
  })
  const editor = new Editor(t, audience, provider)
  const client = await editor.connect()
  t.match(provider.information, { client_id: /./, redirect_uris: [CALLBACK] }, 'it registered itself')
  t.match(await editor.call('list_orders'), /^Orders of [0-9a-f-]{36}$/)
  t.match((await client.listTools()).tools, [
    { name: 'list_orders' },
    { name: 'place_order', _meta: { 'postern/missing_scopes': ['orders:create'] } },
  ])
  t.equal(await editor.call('place_order'), 'Ordered tea')
  t.strictSame(provider.asked, ['orders:read', 'orders:read orders:create'])
})

t.test('others cannot reach such an issuer', async t => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ ISSUER: 'https://id.example.com' }, /ISSUER must be on localhost/],
    [{ HOST: '0.0.0.0' }, /HOST must be a loopback address/],
    [{ DATABASE_URL: 'postgres://127.0.0.1/x', APP_KEY: 'x'.repeat(44) }, /DATABASE_URL is set/],
  ]
  for (const [settings, message] of cases) {
    const { code, stderr } = (await command(t, settings)) as Ended
    t.equal(code, 1)
    t.match(stderr, message)
    t.equal(stderr.trim().split('\n').length, 1, 'in one line')
  }
  for (const resource of ['mcp', 'urn:x', 'http://localhost:8080/mcp#x']) {
    t.match(await command(t, {}, resource), { code: 2, stderr: /must be an http or https URL/ })
  }
})

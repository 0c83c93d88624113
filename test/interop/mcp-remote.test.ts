import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { type Issuer, listeningIssuer } from '../helpers/issuer.ts'
import { protectedServer, TOOLS } from '../helpers/mcp-server.ts'
import { freePort } from '../helpers/port.ts'

/** `mcp-remote` connects programs that speak to local servers only: it signs the user in, and passes messages on. */

const PROGRAM = resolve(import.meta.dirname, '../../node_modules/mcp-remote/dist/proxy.js')

interface Answer {
  result?: { tools?: { name: string }[]; content?: { text: string }[] }
  error?: { message: string }
}

/** Starts it. `xdg-open` is not here, so it prints the address that it would open in a browser. */
function start(t: Test, args: string[]): ChildProcessWithoutNullStreams {
  const home = t.testdir()
  const env = { PATH: process.env.PATH, HOME: home, MCP_REMOTE_CONFIG_DIR: home }
  const child = spawn(process.execPath, [PROGRAM, ...args], { env })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** Sends requests to its standard input. */
function requester(child: ChildProcessWithoutNullStreams): (method: string, params?: object) => Promise<Answer> {
  const waiting = new Map<number, (answer: Answer) => void>()
  createInterface(child.stdout).on('line', line => {
    const message = JSON.parse(line) as Answer & { id: number }
    waiting.get(message.id)?.(message)
  })
  let last = 0
  return (method, params = {}) => {
    const id = ++last
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return new Promise(resolve => waiting.set(id, resolve))
  }
}

/** Consents to every request, and sends the code to where it listens. @returns the scopes of the requests so far */
function consents(child: ChildProcessWithoutNullStreams, browser: Browser): string[] {
  const asked: string[] = []
  const seen = new Set<string>()
  createInterface(child.stderr).on('line', async line => {
    const address = /(http:\S+\/oauth\/authorize\?\S+)/.exec(line)?.[1]
    if (!address || seen.has(address)) return
    seen.add(address)
    const { pathname, search, searchParams } = new URL(address)
    asked.push(String(searchParams.get('scope')))
    const to = await browser.approve(pathname + search)
    // It prints the address before it listens.
    while (!(await fetch(to).catch(() => undefined))) await new Promise(resolve => setTimeout(resolve, 20))
  })
  return asked
}

async function world(t: Test): Promise<Issuer & { audience: string; browser: Browser; user: string }> {
  const audience = `http://127.0.0.1:${await freePort()}/mcp`
  const issuer = await listeningIssuer(t, { dcr: 'open' })
  await issuer.services.clients.create({ name: 'Orders', audience })
  const guard = { issuer: issuer.issuer, audience, scopes: ['orders:read'], tools: TOOLS }
  await protectedServer(t, 'express', guard)
  const user = await newUser(issuer.services)
  const browser = new Browser(issuer.app)
  await browser.signIn(user)
  return { ...issuer, audience, browser, user: user.id }
}

async function talksTo(t: Test, child: ChildProcessWithoutNullStreams, browser: Browser, user: string): Promise<void> {
  const asked = consents(child, browser)
  const request = requester(child)
  const clientInfo = { name: 'test', version: '1' }
  await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  t.strictSame(
    (await request('tools/list')).result?.tools?.map(({ name }) => name),
    ['list_orders', 'place_order', 'export_report'],
  )
  const call = async (name: string, args = {}) =>
    (await request('tools/call', { name, arguments: args })).result?.content?.[0]?.text
  t.equal(await call('list_orders'), `for ${user}`)
  t.equal(await call('place_order', { item: 'tea' }), `for ${user}`)
  t.ok(asked.includes('orders:read'), 'first what every request needs')
  t.ok(asked.includes('orders:read orders:create'), 'then what the tool needs, with what it has')
}

t.test('mcp-remote registers itself, signs in, calls a tool, and steps up', async t => {
  const { audience, browser, user } = await world(t)
  await talksTo(t, start(t, [audience, String(await freePort())]), browser, user)
})

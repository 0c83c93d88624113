import { globSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compile, folder, node, packGuard, run, write } from './package.ts'

/** The guard's package as a resource server gets it: its tarball alone, with what the registry has. */

const tarball = await packGuard(t)
const home = folder(t)
write(home, { 'package.json': '{"type":"module","private":true}' })
const installed = await run(home, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)
const skip = installed.code === 0 ? false : `npm cannot install: ${installed.stderr}`

const ENTRIES = [
  'postern-guard',
  'postern-guard/protected-resource',
  'postern-guard/express',
  'postern-guard/hono',
  'postern-guard/node',
  'postern-guard/login',
  'postern-guard/mcp',
  'postern-guard/testing',
]

/** Checks a token that the test issuer made, at a server of node:http, in one module system or the other. */
const USE = `
const issuer = await createTestIssuer()
const guard = nodeGuard(issuer.guard)
const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
const mayRead = guard.checkScopes('orders:read')
const server = createServer(async (request, response) => {
  const found = await mayRead(request, response)
  if (found) response.end(found.userId)
})
await once(server.listen(0), 'listening')
const url = 'http://localhost:' + server.address().port
const good = await fetch(url, { headers: { authorization: 'Bearer ' + token } })
const none = await fetch(url)
console.log(good.status, await good.text(), none.status)
server.close().closeAllConnections()
await issuer.close()
`

const ESM = `
import { once } from 'node:events'
import { createServer } from 'node:http'
import { nodeGuard } from 'postern-guard/node'
import { createTestIssuer } from 'postern-guard/testing'
${USE}`

const CJS = `
const { once } = require('node:events')
const { createServer } = require('node:http')
const { nodeGuard } = require('postern-guard/node')
const { createTestIssuer } = require('postern-guard/testing')
async function main() {${USE}}
main()`

t.test('it brings few packages and little else', { skip }, async t => {
  const packages = globSync('node_modules/{*,@*/*}/package.json', { cwd: home })
  t.ok(packages.length <= 8, `${packages.length} packages: ${packages.join(', ')}`)
  const files = globSync('node_modules/**/*', { cwd: home }).map(file => statSync(join(home, file)))
  const bytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)
  t.ok(bytes < 3_000_000, `${bytes} bytes`)
})

const LOADED = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
await import('postern-guard')
console.log(loaded.join('\\n'))
`

t.test('importing it loads no module that only some guards need', { skip }, async t => {
  write(home, { 'loaded.mjs': LOADED })
  const { stdout, stderr } = await node(home, 'loaded.mjs')
  t.match(stdout, /postern-guard\/dist\/index\.js/, stderr)
  t.notMatch(stdout, /jose\/dist\/webapi\/index\.js|eventsource-parser|node:https?\b/)
})

t.test('it works in both module systems', { skip }, async t => {
  write(home, { 'use.mjs': ESM, 'use.cjs': CJS })
  for (const file of ['use.mjs', 'use.cjs']) {
    const { stdout, stderr } = await node(home, file)
    t.equal(stdout, '200 ada 401\n', stderr)
  }
})

/** Starts the command as `npx` finds it, checks a token, and stops it. */
const SIDECAR = `
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createTestIssuer } from 'postern-guard/testing'
const free = createServer().listen(0, '127.0.0.1')
await once(free, 'listening')
const { port } = free.address()
await new Promise(resolve => free.close(resolve))
const issuer = await createTestIssuer()
const { issuer: url, audience } = issuer.guard
const [program, ...args] = process.argv.slice(2)
const child = spawn(program, [...args, '--issuer', url, '--audience', audience, '--port', String(port)], { detached: true })
for await (const chunk of child.stdout) if (/is listening at/.test(chunk)) break
child.stderr.pipe(process.stderr)
const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
const check = headers => fetch('http://127.0.0.1:' + port + '/check?scopes=orders:read', { headers })
const good = await check({ authorization: 'Bearer ' + token })
const none = await check({})
console.log(good.status, good.headers.get('x-auth-user'), none.status, none.headers.get('www-authenticate'))
// Its group: npx would leave the command behind.
process.kill(-child.pid, 'SIGTERM')
await once(child, 'exit')
await issuer.close()
process.exit()
`
const SIDECAR_CHECKED = /^200 ada 401 Bearer realm="postern"/m

t.test('npx postern-guard checks tokens for a proxy', { skip }, async t => {
  const { version } = JSON.parse(readFileSync(join(home, 'node_modules/postern-guard/package.json'), 'utf8'))
  const printed = await run(home, 'npx', '--offline', 'postern-guard', '--version')
  t.equal(printed.stdout, `${version}\n`, printed.stderr)
  write(home, { 'sidecar.mjs': SIDECAR })
  const { stdout, stderr } = await node(home, 'sidecar.mjs', 'npx', '--offline', 'postern-guard')
  t.match(stdout, SIDECAR_CHECKED, stderr)
})

t.test('it works on Node 22', { skip }, async t => {
  const place = folder(t)
  write(place, { 'package.json': '{"private":true}' })
  const name = `node-${process.platform}-${process.arch}`
  const got = await run(place, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `${name}@22`)
  if (got.code !== 0) return t.pass('no Node 22 can be had here', { skip: got.stderr })
  const program = realpathSync(join(place, 'node_modules', name, 'bin/node'))
  t.match((await run(home, program, '--version')).stdout, /^v22\./)
  for (const file of ['use.mjs', 'use.cjs']) {
    const { stdout, stderr } = await run(home, program, file)
    t.match(stdout, /^200 ada 401$/m, stderr)
  }
  write(home, { 'sidecar.mjs': SIDECAR })
  const command = join(home, 'node_modules/postern-guard/dist/sidecar/main.js')
  const { stdout, stderr } = await run(home, program, 'sidecar.mjs', program, command)
  t.match(stdout, SIDECAR_CHECKED, stderr)
})

t.test('its types resolve in every way that TypeScript resolves', { skip }, async t => {
  const source = `${ENTRIES.slice(1)
    .map((entry, i) => `import * as entry${i} from '${entry}'`)
    .join('\n')}\nconsole.log(${ENTRIES.slice(1).map((_, i) => `entry${i}`)})`
  write(home, { 'entries.ts': source })
  const ways = [
    { module: 'node16', moduleResolution: 'node16' },
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ]
  for (const way of ways) t.strictSame(await compile(home, { ...way, types: [], skipLibCheck: true }), [], way.module)
})

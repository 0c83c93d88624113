import { globSync, realpathSync, statSync } from 'node:fs'
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

t.test('it works in both module systems', { skip }, async t => {
  write(home, { 'use.mjs': ESM, 'use.cjs': CJS })
  for (const file of ['use.mjs', 'use.cjs']) {
    const { stdout, stderr } = await node(home, file)
    t.equal(stdout, '200 ada 401\n', stderr)
  }
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

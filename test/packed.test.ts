import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compile, install, node, pack, ROOT, write } from './packed/package.ts'

/** The package as others get it, in folders that have nothing else of ours. */

const { tarball, files } = await pack(t)

t.test('the tarball holds what is meant and nothing else', async t => {
  const meant = [
    /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|scopes\.json)$/,
    /^bin\/(postern|new-database)\.js$/,
    /^dist\/(package\.json|new-database\.tar)$/,
    /^(?!.*\.test\.)dist\/(src\/|packages\/guard\/src\/|migrations\/|mikro-orm\.config\.)[\w./-]*\b(js|js\.map|d\.ts)$/,
    /^dist\/src\/web\/(views\/[\w/-]+\.eta|assets\/[\w-]+\.(css|js|svg))$/,
  ]
  t.strictSame(
    files.filter(file => !meant.some(pattern => pattern.test(file))),
    [],
  )
  for (const pattern of meant)
    t.ok(
      files.some(file => pattern.test(file)),
      String(pattern),
    )
})

t.test('the same sources in another folder give the same bytes', async t => {
  const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
  t.equal(digest((await pack(t)).tarball), digest(tarball))
})

const EVERYTHING = `
import { buildApp, openPostern } from 'postern'
import { checkScopes, createRemote, guard } from 'postern/guard'
import { expressGuard } from 'postern/guard/express'
import { honoGuard } from 'postern/guard/hono'
import { nodeGuard } from 'postern/guard/node'
import { actingAs, createTestIssuer } from 'postern/testing'
`

t.test('JavaScript: the whole server, and a guard that trusts it', async t => {
  const path = await install(t, tarball, [])
  write(path, {
    'server.js': `${EVERYTHING}
const app = await buildApp({ dataDir: './data', logLevel: 'silent', catalogue: [{ id: 'orders:read', description: 'Read' }] })
const scopes = (await app.inject('/scopes')).json().map(({ id }) => id)
const page = await app.inject('/login')
await app.close()
console.log(JSON.stringify({ scopes: scopes.includes('orders:read'), page: page.statusCode }))
console.log([openPostern, checkScopes, createRemote, guard, expressGuard, honoGuard, nodeGuard, actingAs, createTestIssuer].map(x => typeof x).join())`,
  })
  const { stdout, stderr } = await node(path, 'server.js')
  t.equal(stderr, '')
  t.equal(stdout, `{"scopes":true,"page":200}\n${Array(9).fill('function').join()}\n`)
  const version = await node(path, 'node_modules/postern/bin/postern.js', '--version')
  t.match(version.stdout, JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version)
})

t.test('without the packages of OpenTelemetry, the start says how to install them', async t => {
  const path = await install(t, tarball, [])
  write(path, {
    'serve.js': `process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:9'
process.env.DATA_DIR = './data'
process.argv.push('serve')
await import('./node_modules/postern/bin/postern.js')`,
  })
  const { code, stderr } = await node(path, 'serve.js')
  t.equal(code, 1)
  t.match(stderr, /^postern: OpenTelemetry is not installed: npm install @opentelemetry\/api@\S+ [^\n]+\n$/)
})

t.test('JavaScript: the guards of other frameworks need neither Fastify nor those frameworks', async t => {
  const dependencies = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).dependencies
  const path = await install(
    t,
    tarball,
    [],
    Object.keys(dependencies).filter(name => !['jose', 'eventsource-parser'].includes(name)),
  )
  write(path, {
    'lean.js': `
for (const name of ['express', 'hono', 'node']) console.log(Object.keys(await import('postern/guard/' + name)).sort().join(' '))
await import('postern/guard').catch(error => console.log(error.code))`,
  })
  const { stdout, stderr } = await node(path, 'lean.js')
  t.equal(stderr, '')
  t.strictSame(stdout.trim().split('\n'), [
    'PosternError Token default describeResource expressGuard invalidToken tokenOf',
    'PosternError Token default describeResource honoGuard invalidToken',
    'PosternError Token default describeResource invalidToken nodeGuard',
    'ERR_MODULE_NOT_FOUND',
  ])
})

t.test('TypeScript: no declaration of ours is wrong, or needs types that are not there', async t => {
  const path = await install(t, tarball, ['@types/node'])
  write(path, { 'guards.ts': EVERYTHING.replace(/.*'postern'\n/, '') })
  t.strictSame(await compile(path, { exactOptionalPropertyTypes: true }), [])
  write(path, { 'server.ts': EVERYTHING })
  // Declarations of others, which are links out of this folder, are theirs to mend.
  t.strictSame(
    (await compile(path)).filter(line => !line.startsWith('..')),
    [],
  )
})

t.test('TypeScript: every snippet of the documentation compiles, and its tests pass', async t => {
  const frameworks = ['express', '@types/express', 'hono', '@hono/node-server', '@types/node']
  const path = await install(t, tarball, frameworks)
  const text = readFileSync(join(ROOT, 'docs/resource-servers.md'), 'utf8')
  const snippets = [...text.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name, code])
  write(path, Object.fromEntries(snippets))
  write(path, { 'others.test.ts': OTHERS })
  t.strictSame(await compile(path), [])
  const { code, stdout } = await node(path, '--test', '--test-reporter=tap')
  if (code !== 0) t.comment(stdout)
  t.equal(code, 0)
  t.match(stdout, /^# pass 7$/m)
})

/** The frameworks that the documentation shows no test of. */
const OTHERS = `
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:http'
import { test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { createTestIssuer } from 'postern/testing'
import { describedApi } from './described-api.ts'
import { ordersApi as honoApi } from './hono-api.ts'
import { ordersApi as nodeApi } from './node-api.ts'
import { options } from './options.ts'

const issuer = await createTestIssuer()
assert.ok(options.issuer)

async function answers(server: Server, close: () => Promise<void>) {
  await once(server.listen(0), 'listening')
  const base = \`http://localhost:\${(server.address() as AddressInfo).port}\`
  const none = await fetch(base + '/orders')
  const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
  const good = await fetch(base + '/orders', { headers: { authorization: 'Bearer ' + token } })
  const metadata = await fetch(base + '/.well-known/oauth-protected-resource')
  server.close().closeAllConnections()
  await close()
  return { none, good: await good.json(), metadata }
}

test('Hono', async () => {
  const { app, close } = honoApi(issuer.guard)
  const { none, good } = await answers(createServer(getRequestListener(app.fetch)), close)
  assert.equal(none.status, 401)
  assert.deepEqual(good, { of: 'ada' })
})

test('node:http', async () => {
  const { server, close } = nodeApi(issuer.guard)
  const { none, good } = await answers(server, close)
  assert.equal(none.status, 401)
  assert.deepEqual(good, { of: 'ada' })
})

test('an API that describes itself', async t => {
  t.after(() => issuer.close())
  const { app, close } = describedApi(issuer.guard)
  const { none, metadata } = await answers(createServer(app), close)
  assert.match(String(none.headers.get('www-authenticate')), /resource_metadata="https:..[a-z.]+\\/\\.well-known/)
  assert.equal(metadata.status, 200)
})
`

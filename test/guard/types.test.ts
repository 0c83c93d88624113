import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')

/** A file that uses the guard as the documentation shows, and how it is compiled. */
const project = (source: string) => ({
  'uses.ts': source,
  'tsconfig.json': JSON.stringify({
    extends: resolve(root, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false },
    include: ['uses.ts'],
  }),
})

/** What the compiler says of the project in this folder. */
function compile(folder: string): string {
  // By its .js name: the test runner loads itself into every Node that is started here, and not beside one without.
  const tsc = resolve(root, 'node_modules/typescript/lib/tsc.js')
  return spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { encoding: 'utf8' }).stdout
}

const uses = `
import { checkAnyScope, checkScopes, requireToken, type Token } from 'postern/guard'
import type { nodeGuard } from 'postern/guard/node'
declare const token: Token
declare const elsewhere: ReturnType<typeof nodeGuard>
`
const catalogue = `
declare module 'postern/guard' {
  interface Catalogue {
    scope: 'orders:read' | 'orders:create'
  }
}
`

t.test('with a catalogue declared, its scopes compile', async t => {
  const good = `
checkScopes('orders:read', 'orders:create')
requireToken()
checkAnyScope('orders:create')
token.can('orders:read')
token.cant('orders:create')
elsewhere.checkScopes('orders:read')
`
  t.equal(compile(t.testdir(project(uses + catalogue + good))), '')
})

t.test('and a misspelt one does not, wherever it stands', async t => {
  const bad = [
    "checkScopes('ordes:read')",
    "checkScopes('orders:read', 'orders:creat')",
    "checkAnyScope('ordes:read')",
    'checkScopes()',
    'checkScopes(...[])',
    "token.can('ordes:read')",
    "token.cant('')",
    "elsewhere.checkScopes('ordes:read')",
    "elsewhere.checkAnyScope('orders:read', 'x')",
  ]
  const first = (uses + catalogue).split('\n').length
  const errors = compile(t.testdir(project(uses + catalogue + bad.join('\n'))))
    .trim()
    .split('\n')
  t.equal(errors.length, bad.length)
  for (const [i, call] of bad.entries())
    t.match(errors[i], new RegExp(`\\(${first + i},\\d+\\): error TS2(345|555)`), call)
})

t.test('an any-of check without scopes does not compile', async t => {
  t.match(compile(t.testdir(project(`${uses}checkAnyScope()\n`))), /error TS2555/)
})

t.test('without a check the token may be missing, and the compiler says so', async t => {
  const routes = `
import Fastify from 'fastify'
import express from 'express'
import guard, { requireToken, tokenOf } from 'postern/guard'
import expressGuard from 'postern/guard/express'
const app = Fastify()
await app.register(guard, { issuer: 'https://id.example.com' })
app.get('/checked', { preHandler: requireToken() }, async request => tokenOf(request).can('orders:read'))
app.get('/optional', async request => request.token?.can('orders:read'))
const { requireToken: check } = expressGuard({ issuer: 'https://id.example.com' })
const api = express()
api.get('/checked', check(), (request, response) => response.json(tokenOf(request).scopes))
`
  t.equal(compile(t.testdir(project(routes))), '')
  const bad = `
app.get('/unguarded', async request => request.token.can('orders:read'))
api.get('/unguarded', (request, response) => response.json(request.token.scopes))
`
  const errors = compile(t.testdir(project(routes + bad)))
    .trim()
    .split('\n')
  t.match(errors, [/TS18047: 'request.token' is possibly 'null'/, /TS18048: 'request.token' is possibly 'undefined'/])
  t.equal(errors.length, 2)
})

t.test('without a catalogue any text is a scope', async t => {
  t.equal(compile(t.testdir(project(`${uses}checkScopes('anything')\ntoken.can('at all')\n`))), '')
})

import { execFile } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'

const execute = promisify(execFile)
/** `env` makes the command one that the test runner does not instrument. */
const run = (file: string, args: string[]) => execute('env', ['-u', 'NODE_OPTIONS', file, ...args])
const FOLDER = join(import.meta.dirname, 'generated-client')
const ROOT = join(import.meta.dirname, '..', '..')
const tool = (folder: string, name: string) => join(folder, 'node_modules', '.bin', name)
const installed = existsSync(tool(FOLDER, 'openapi-typescript'))

t.test(
  'a client that is generated from the document compiles, and works',
  installed ? {} : { skip: 'npm ci --prefix test/http/generated-client' },
  async t => {
    const types = join(FOLDER, 'dist', 'api.d.ts')
    t.teardown(() => rmSync(join(FOLDER, 'dist'), { recursive: true, force: true }))
    await run(tool(FOLDER, 'openapi-typescript'), [join(ROOT, 'openapi', 'openapi.json'), '-o', types])
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--types', 'node']
    const program = join(FOLDER, 'program.ts')
    await run(tool(ROOT, 'tsc'), [
      ...options,
      '--skipLibCheck',
      '--allowImportingTsExtensions',
      '--ignoreConfig',
      program,
    ])

    const { app, services } = await testApp(t)
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    const { token } = await actingAs(services, ['tokens:read', 'tokens:write', 'orders:read'])
    const { stdout } = await run(process.execPath, [program, origin, token])
    t.match(JSON.parse(stdout), {
      text: true,
      states: ['active', 'active'],
      name: 'deploy again',
      refused: 'urn:postern:error:insufficient_scope',
    })
    t.ok(JSON.parse(stdout).scopes.includes('orders:read'))
  },
)

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { APP_KEY } from '../helpers/app.ts'
import { SERVER } from '../helpers/database.ts'
import { commandLine, commandsOn, ONE_LINE, serving, temporaryFolder } from './postern.ts'

const GUIDE = readFileSync(resolve(import.meta.dirname, '../../docs/rotating-secrets.md'), 'utf8')
const PASSWORD = 'correct horse battery'
const CREATE = ['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin']
const ISSUE = ['token', 'issue', '--user', 'ada@example.com', '--name', 'deploy']

/** The command of the guide that contains this text, without its indentation. */
function command(containing: string): string {
  const blocks = [...GUIDE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text.replace(/^ +/gm, ''))
  return blocks.find(text => text.includes(containing)) as string
}

/** Runs a command of the guide in a directory, with `postern` on the path. */
async function run(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  const bin = resolve(import.meta.dirname, '../../bin/postern.js')
  const shim = join(cwd, 'postern')
  writeFileSync(shim, `#!/bin/sh\nexec env -u NODE_OPTIONS '${process.execPath}' '${bin}' "$@"\n`)
  chmodSync(shim, 0o700)
  const options = { cwd, env: { ...env, PATH: `${cwd}:${process.env.PATH}` } }
  return (await promisify(execFile)('sh', ['-ec', script], options)).stdout
}

t.test('the steps of the guide, with two nodes', { skip: !SERVER && 'two nodes need PostgreSQL' }, async t => {
  const postern = await commandLine(t)
  const folder = temporaryFolder(t)
  const file = (name: string) => join(folder, name)
  writeFileSync(file('old.key'), `  ${APP_KEY}\n\n`)
  const { APP_KEY: _key, ...env } = postern.env as Record<string, string>
  const issuer = { ISSUER: 'https://id.example.com' }
  const oldOnly = commandsOn({ ...env, ...issuer, APP_KEY_FILE: file('old.key') })
  await oldOnly.run(CREATE, { input: PASSWORD })
  const tokens: string[] = [(await oldOnly.json(ISSUE)).token]
  const nodes = [await serving(t, oldOnly), await serving(t, oldOnly)]
  const all = async (why: string) => {
    for (const { url } of nodes) {
      for (const token of tokens) {
        const { status } = await fetch(`${url}/api/user`, { headers: { authorization: `Bearer ${token}` } })
        t.equal(status, 200, why)
      }
    }
  }
  const replace = async (i: number, line: typeof oldOnly) => {
    t.equal(await nodes[i]?.stop(), 0)
    nodes[i] = await serving(t, line)
  }
  await all('before')

  await run(command('openssl rand'), folder, {})
  const both = commandsOn({ ...env, ...issuer, APP_KEY_FILE: file('new.key'), APP_KEY_PREVIOUS_FILE: file('old.key') })
  const newOnly = commandsOn({ ...env, ...issuer, APP_KEY_FILE: file('new.key') })
  t.match(await newOnly.run(ISSUE), { code: 1, stderr: ONE_LINE }, 'the new key alone is refused')
  await replace(0, both)
  tokens.push((await both.json(ISSUE)).token, (await oldOnly.json(ISSUE)).token)
  await all('one node has both keys')
  const rewrap = () => run(command('old.key postern keys rewrap'), folder, { ...env, ...issuer })
  t.match(await rewrap().catch(error => error.stderr), /^postern: These nodes do not have the new APP_KEY[^\n]+\n$/)
  await replace(1, both)
  await all('both nodes have both keys')

  t.match(await rewrap(), /^APP_KEY [\w-]{12} is active: encrypted 2 signing keys/)
  t.match(await rewrap(), /encrypted 0 signing keys/, 'it can be repeated')
  tokens.push((await both.json(ISSUE)).token)
  await all('the new key is active')
  await replace(0, newOnly)
  await all('one node has the new key alone')
  await replace(1, newOnly)
  tokens.push((await newOnly.json(ISSUE)).token)
  await all('both nodes have the new key alone')
  t.match(await oldOnly.run(ISSUE), { code: 1, stderr: ONE_LINE }, 'the old key alone is refused')
  for (const { stop } of nodes) t.equal(await stop(), 0)
})

t.test('the commands for an embedded database', { skip: SERVER ? 'embedded' : false }, async t => {
  const postern = await commandLine(t)
  await postern.run(CREATE, { input: PASSWORD })
  const { token } = await postern.json(ISSUE)
  const folder = temporaryFolder(t)
  const dataDir = postern.env.DATA_DIR as string
  const before = readFileSync(join(dataDir, 'app.key'), 'utf8')
  t.match(await postern.run(ISSUE, { env: { APP_KEY: randomBytes(32).toString('base64') } }), { code: 1 })
  const script = command('mv data/new.key').replaceAll('data/', `${dataDir}/`)
  t.match(await run(script, folder, postern.env), /is active/)
  t.not(readFileSync(join(dataDir, 'app.key'), 'utf8'), before)
  await postern.overHttp(async app => {
    const answer = await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${token}` } })
    t.equal(answer.statusCode, 200)
  })
})

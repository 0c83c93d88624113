import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { commandsOn, ONE_LINE, temporaryFolder } from './cli/postern.ts'
import { freePort } from './helpers/port.ts'

const ROOT = resolve(import.meta.dirname, '..')
const postern = commandsOn({ DATA_DIR: temporaryFolder(t) })
const { version } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8'))

const GROUPS = {
  user: ['create', 'disable', 'enable', 'list'],
  client: ['create', 'rotate-secret', 'list', 'revoke'],
  token: ['issue', 'list', 'revoke'],
  keys: ['list', 'rotate'],
}
const SINGLE = ['serve', 'migrate', 'prune', 'scopes', 'guard']
/** They run until they are stopped, and print no result. */
const SERVERS = ['serve', 'guard']

t.test('help names every command, and each has help with an example', async t => {
  const help = await postern.run(['--help'])
  t.match(help, { code: 0, stderr: '' })
  for (const name of [...SINGLE, ...Object.keys(GROUPS)]) t.match(help.stdout, new RegExp(`^ {2}${name} `, 'm'))
  const commands = Object.entries(GROUPS).flatMap(([group, names]) => names.map(name => [group, name]))
  for (const words of [...commands, ...SINGLE.map(name => [name])]) {
    const { code, stdout } = await postern.run([...words, '--help'])
    t.equal(code, 0)
    t.match(stdout, `Usage: postern ${words.join(' ')}`)
    t.match(stdout, /Examples:\n {2}\$ .*postern /)
    if (!SERVERS.includes(words[0] as string)) t.match(stdout, '--json')
  }
})

t.test('help loads neither the ORM nor a database', async t => {
  const hook = `import { registerHooks } from 'node:module'
registerHooks({ load: (url, context, next) => {
  if (/mikro-orm|pglite|fastify|node:sqlite/.test(url)) console.error('loaded', url)
  return next(url, context)
} })`
  const node = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`]
  t.equal((await postern.run(['token', 'issue', '--help'], { node })).stderr, '')
  t.match((await postern.run(['migrate'], { node })).stderr, 'mikro-orm')
})

t.test('the version is that of the package, also by npx in the checkout', async t => {
  t.same(await postern.run(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  const npx = await promisify(execFile)('npx', ['--offline', 'postern', '--version'], { cwd: ROOT })
  t.equal(npx.stdout, `${version}\n`)
})

t.test('wrong usage ends with 2 and one line that says what is wrong', async t => {
  const cases: [string[], RegExp][] = [
    [['usr', 'list'], /unknown command 'usr' \(Did you mean user\?\)/],
    [['user', 'list', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['user', 'create', '--name', 'Ada'], /required option '--email <address>' not specified/],
    [['token', 'revoke'], /missing required argument 'id'/],
    [['scopes', 'more'], /too many arguments/],
    [['token', 'issue', '--user', 'a', '--name', 'b', '--expires-in', 'soon'], /such as 30d, 12h or P1Y/],
  ]
  for (const [words, reason] of cases) {
    const ended = await postern.run(words)
    t.match(ended, { code: 2, stdout: '', stderr: ONE_LINE })
    t.match(ended.stderr, reason)
  }
  for (const words of [[], ['user']]) t.match(await postern.run(words), { code: 2, stdout: '', stderr: /^Usage: / })
})

t.test('a deployment that cannot work ends with 1 and one line that names what is wrong', async t => {
  const nobody = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`
  const cases: [Record<string, string>, RegExp][] = [
    [{ DATABASE_URL: nobody }, /APP_KEY is required with DATABASE_URL/],
    [{ DATABASE_URL: nobody, APP_KEY: Buffer.alloc(32).toString('base64') }, /DATABASE_URL cannot be reached/],
    [{ DATA_DIR: '/dev/null/data' }, /DATA_DIR .*cannot be written/],
    [{ SCOPES_FILE: '/nowhere/scopes.json' }, /SCOPES_FILE \/nowhere\/scopes\.json: cannot be read/],
  ]
  for (const [env, reason] of cases) {
    const ended = await postern.run(['user', 'list'], { env })
    t.match(ended, { code: 1, stdout: '', stderr: ONE_LINE })
    t.match(ended.stderr, reason)
  }
})

t.test('a reader that leaves early is no failure', async t => {
  const command = `${process.execPath} ${resolve(ROOT, 'bin/postern.js')} scopes --json | true; echo \${PIPESTATUS[0]}`
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', command], { env: postern.env })
  t.same({ stdout, stderr }, { stdout: '0\n', stderr: '' })
})

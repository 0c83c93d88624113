import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { checkScopes, guard, type RemoteOptions, tokenOf } from 'postern/guard'
import t from 'tap'
import { commandLine, PLAIN } from './cli/postern.ts'
import { freePort } from './helpers/port.ts'
import { launch } from './helpers/process.ts'

/** The README's lines as they stand; only the ports differ, and `npx postern` is the one of this checkout. */

const ROOT = join(import.meta.dirname, '..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const sh = promisify(execFile)

/** The first code block that holds this text. */
function block(text: string): string {
  const found = [...README.matchAll(/```(?:sh|ts)\n(.*?)```/gs)].map(([, code]) => code as string)
  const code = found.find(code => code.includes(text))
  if (code === undefined) throw new Error(`README.md has no block with ${text}`)
  return code
}

/** Inside the package, so that `postern` names it. */
function folder(): string {
  mkdirSync(join(ROOT, '.tap'), { recursive: true })
  const path = mkdtempSync(join(ROOT, '.tap', 'readme-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const bin = folder()
writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${ROOT}/bin/postern.js" "$@"\n`)
chmodSync(join(bin, 'npx'), 0o755)

t.test('a token from the API opens a resource server that was set up as the README says', async t => {
  const port = String(await freePort())
  const env: Record<string, string> = { ...(await commandLine(t)).env, PORT: port }
  const run = async (code: string, more = {}) => {
    const script = code.replaceAll('localhost:3000', `localhost:${port}`)
    const PATH = `${bin}:${process.env.PATH}`
    return (await sh('env', [...PLAIN.slice(1), 'bash', '-ec', script], { env: { ...env, ...more, PATH } })).stdout
  }
  await run(block('postern user create --email ada@example.com'))
  const created = await run(block('postern client create --name "Orders API"'))
  const [, clientId, clientSecret] = /client_id +(\S+)\nclient_secret +(\S+)/.exec(created) ?? []
  const server = await launch(t, env)
  await server.ready

  const issue = block('"device_name":"laptop"')
  const { token } = JSON.parse(await run(issue))
  const opaque = JSON.parse(await run(issue.replace('"device_name"', '"format":"opaque","device_name"'))).token
  const elsewhere = '"resources":["https://orders.example.com"],"device_name"'
  const narrow = JSON.parse(await run(issue.replace('"device_name"', elsewhere))).token

  const [, literal = ''] =
    /app\.register\(guard, (\{.*\})\)/s.exec(block("audience: 'https://orders.example.com'")) ?? []
  const options = new Function('process', `return ${literal.replace('localhost:3000', `localhost:${port}`)}`)({
    env: { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret },
  }) as RemoteOptions
  const api = Fastify()
  t.teardown(() => api.close())
  await api.register(guard, options)
  api.get('/orders', { preHandler: checkScopes('tokens:read') }, async request => ({ of: tokenOf(request).userId }))
  const ask = async (text: string) =>
    (await api.inject({ url: '/orders', headers: { authorization: `Bearer ${text}` } })).statusCode
  t.equal(await ask(token), 200, 'a JWT')
  t.equal(await ask(opaque), 200, 'an opaque text')
  t.equal(await ask(narrow), 200, 'a token that names this API')

  const giveBack = block('-X DELETE').replace(/^TOKEN=.*$/m, '')
  t.match(JSON.parse((await run(giveBack, { TOKEN: token })).split('\n')[0] as string), { data: [{}] })
  const deadline = Date.now() + 10_000
  while ((await ask(token)) === 200 && Date.now() < deadline) await new Promise(setImmediate)
  t.equal(await ask(token), 401, 'revoked')
  t.equal(await ask(opaque), 200, 'no other')
})

t.test('the application of "Guarding a route" runs, and its first token opens its route', async t => {
  const port = await freePort()
  const path = folder()
  const code = [block('await openPostern({'), block('postern.users.create({ email'), 'console.log(plainText)'].join(
    '\n',
  )
  writeFileSync(join(path, 'app.ts'), code.replaceAll('4000', String(port)))
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, ['--conditions=postern-source', join(path, 'app.ts')], {
    cwd: path,
    env: { PATH, HOME, LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const token = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', text => resolve(String(text).trim()))
    void ended.then(code => reject(new Error(`it ended with ${code}`)))
  })
  const answer = await fetch(`http://localhost:${port}/orders`, { headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.status, 200)
  t.match(await answer.json(), { of: String, mayPlace: false })
  t.equal((await fetch(`http://localhost:${port}/orders`, { method: 'POST' })).status, 401)
})

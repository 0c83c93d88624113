import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { commandLine, PLAIN } from '../cli/postern.ts'
import { SERVER } from '../helpers/database.ts'
import { freePort } from '../helpers/port.ts'
import { obstacle, previousRelease } from '../helpers/previous-release.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ROUNDS = 100
const AT_ONCE = 8

/** A node of one of the two releases. @returns its URL */
async function node(t: Test, folder: string, env: Record<string, string>): Promise<string> {
  const port = await freePort()
  const [program, ...args] = [...PLAIN, process.execPath, join(folder, 'bin/postern.js'), 'serve']
  const child = spawn(program as string, args, { cwd: folder, env: { ...env, PORT: String(port) } })
  const end = new Promise(done => child.once('close', done))
  t.teardown(() => {
    child.kill('SIGKILL')
    return end
  })
  const errors = text(child.stderr)
  await new Promise<void>((ready, failed) => {
    child.stdout.on('data', chunk => String(chunk).includes('Postern is ready') && ready())
    void end.then(async code => failed(new Error(`${folder} ended with ${code}: ${await errors}`)))
  })
  return `http://127.0.0.1:${port}`
}

const skip = SERVER ? (obstacle() ?? false) : 'two nodes need PostgreSQL'

t.test('nodes of the previous release serve beside nodes of this one, on the schema of this one', { skip }, async t => {
  const postern = await commandLine(t)
  postern.env.ISSUER = 'https://id.example.com'
  const input = 'correct horse battery'
  await postern.run(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin'], { input })
  const issue = ['token', 'issue', '--user', 'ada@example.com', '--name', 'writer', '--scope']
  const { token } = await postern.json([...issue, 'tokens:read', '--scope', 'tokens:write'])
  const folders = [ROOT, previousRelease(t)]
  const [own, previous] = (await Promise.all(folders.map(each => node(t, each, postern.env)))) as [string, string]

  async function call(url: string, method: string, path: string, bearer: string, body?: object) {
    const headers = { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) }
    return fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  }
  const opens = async (url: string, bearer: string) => (await call(url, 'GET', '/api/user', bearer)).status

  /** One node issues a token, both accept it, the other one revokes it, both refuse it. */
  async function round(i: number): Promise<void> {
    const [issuer, revoker] = i % 2 === 0 ? [own, previous] : [previous, own]
    const format = i % 4 < 2 ? 'jwt' : 'opaque'
    const issued = await call(issuer, 'POST', '/api/tokens', token, {
      name: `round ${i}`,
      scopes: ['tokens:read'],
      format,
    })
    const { data, token: bearer } = (await issued.json()) as { data: { id: string }; token: string }
    const before = await Promise.all([own, previous].map(url => opens(url, bearer)))
    const { status } = await call(revoker, 'DELETE', `/api/tokens/${data.id}`, token)
    const there = await opens(revoker, bearer)
    // The node that did not revoke it is told by a notification.
    const end = performance.now() + 10_000
    let here = await opens(issuer, bearer)
    while (here === 200 && performance.now() < end) here = await opens(issuer, bearer)
    const outcome = { issued: issued.status, before, revoked: status < 300, there, here }
    const wanted = { issued: 201, before: [200, 200], revoked: true, there: 401, here: 401 }
    if (JSON.stringify(outcome) !== JSON.stringify(wanted)) t.strictSame(outcome, wanted, `round ${i}, ${format}`)
  }

  let next = 0
  const worker = async () => {
    while (next < ROUNDS) await round(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  t.equal(next, ROUNDS)
})

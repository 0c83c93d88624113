import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer, request as forward } from 'node:http'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../../helpers/port.ts'
import { type Home, homeOf } from '../../helpers/sign-in.ts'

const PAST = { expiresAt: '2020-01-01T00:00:00.000Z' }
const HEADER = ['token', '--for', 'header']

const refreshes = async ({ services }: Home) =>
  (await services.auditLog.list({ kind: 'token.refreshed' }, { limit: 100 })).length

t.test('of many shells, one refreshes and the others use its result', async t => {
  const home = await homeOf(t)
  await home.signIn()
  const before = home.stored().content.tokens.accessToken
  t.equal((await home.run(HEADER)).stdout, `Authorization: Bearer ${before}\n`, 'it is not refreshed while it is valid')
  home.store(PAST)
  const all = await Promise.all(Array.from({ length: 6 }, () => home.run(HEADER)))
  const now = home.stored().content.tokens.accessToken
  t.not(now, before)
  for (const { code, stdout } of all) t.match({ code, stdout }, { code: 0, stdout: `Authorization: Bearer ${now}\n` })
  t.equal(await refreshes(home), 1)
  t.strictSame(leftovers(home), [])
})

/** Files that should not stay. */
const leftovers = (home: Home) =>
  readdirSync(dirname(home.stored().file)).filter(name => !/^(issuer|login-[0-9a-f]+\.json)$/.test(name))

t.test('a shell that is killed while it refreshes loses nothing', async t => {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const home = await homeOf(t, { issuer, audience: issuer, refreshGrace: 30 })
  const proxy = await openProxy(t, port, home.listensAt)
  await home.signIn()
  home.store(PAST)
  const answered = proxy.withhold('/oauth/token')
  const killed = home.start(HEADER)
  await answered
  killed.child.kill('SIGKILL')
  await killed.ended
  t.equal(await refreshes(home), 1, 'the refresh token has been redeemed, and its response is lost')
  const next = await home.run(HEADER)
  t.equal(next.code, 0, next.stderr)
  t.equal(next.stdout, `Authorization: Bearer ${home.stored().content.tokens.accessToken}\n`)
  t.equal(await refreshes(home), 1)
  t.strictSame(leftovers(home), [], 'the lock of the killed process was taken over')
})

/** A proxy in front of the issuer that can withhold a response. */
async function openProxy(t: Test, port: number, upstream: string) {
  let held: { path: string; answered: () => void } | undefined
  const server = createServer((request, response) => {
    const { method = 'GET', headers, url = '' } = request
    const sent = forward(`${upstream}${url}`, { method, headers, agent: false }, answer => {
      if (held?.path !== url) return void answer.pipe(response.writeHead(answer.statusCode as number, answer.headers))
      held.answered()
      held = undefined
    })
    request.pipe(sent)
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return {
    /** Withholds the next response of this path. Resolves when the issuer has sent it. */
    withhold: (path: string) =>
      new Promise<void>(answered => {
        held = { path, answered }
      }),
  }
}

t.test('the lock of a process that has ended is taken over', async t => {
  const home = await homeOf(t)
  await home.signIn()
  home.store(PAST)
  writeFileSync(`${home.stored().file}.lock`, `999999999 ${hostname()} 00000000-0000-0000-0000-000000000000`)
  const all = await Promise.all(Array.from({ length: 3 }, () => home.run(HEADER)))
  for (const { code, stderr } of all) t.equal(code, 0, stderr)
  t.equal(await refreshes(home), 1)
})

t.test('a sign-in that the user has revoked ends', async t => {
  const home = await homeOf(t)
  await home.signIn()
  await home.services.signOut(home.user.id)
  home.store(PAST)
  t.match(await home.run(HEADER), { code: 1, stderr: /has ended\. Run: postern login\n$/ })
  t.throws(() => home.stored(), 'and is deleted')
})

t.test('while the issuer is away, a token is used until it expires', async t => {
  const home = await homeOf(t)
  await home.signIn()
  await home.app.close()
  home.store({ expiresAt: new Date(Date.now() + 30_000).toISOString() })
  t.match(await home.run(HEADER), { code: 0 })
  home.store(PAST)
  t.match(await home.run(HEADER), { code: 1, stderr: /cannot be reached/ })
  t.ok(home.stored())
})

t.test('a stored sign-in that is damaged counts as none', async t => {
  const home = await homeOf(t)
  await home.signIn()
  const { file } = home.stored()
  for (const text of ['', '{', 'null', '{"place":"file"}', '{"place":"file","tokens":{"accessToken":1}}']) {
    writeFileSync(file, text)
    t.match(await home.run(HEADER), { code: 1, stderr: /Nobody is signed in/ }, text)
  }
})

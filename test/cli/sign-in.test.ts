import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { COMMAND_LINE_ID } from '../../src/clients/command-line-id.ts'
import { locationOf } from '../helpers/browser.ts'
import { follow, type Home, homeOf } from '../helpers/sign-in.ts'
import { ONE_LINE } from './postern.ts'

const api = async ({ issuer }: Home, token: string) =>
  (await fetch(`${issuer}/api/user`, { headers: { authorization: `Bearer ${token}` } })).status

t.test('a user signs in with the browser, and out again', async t => {
  const home = await homeOf(t)
  const { code, stdout, stderr } = await home.signIn()
  t.equal(code, 0, stderr)
  t.equal(stdout, `Signed in at ${home.issuer} with orders:read user:read.\n`)
  t.match(stderr, /Warning: This system has no keyring that can be used. The tokens are stored in \S+\.json\./)
  const { file, content } = home.stored()
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(dirname(file)).mode & 0o777, 0o700)
  const opened = new URL(readFileSync(`${home.folder}/opened`, 'utf8').trim())
  t.match(Object.fromEntries(opened.searchParams), {
    client_id: COMMAND_LINE_ID,
    code_challenge_method: 'S256',
    redirect_uri: /^http:\/\/127\.0\.0\.1:\d+\/callback$/,
  })

  const who = await home.run(['whoami'])
  t.match(who.stdout, `${home.user.name} <${home.user.email}> at ${home.issuer}\nToken from a file, refreshed after `)
  t.match(JSON.parse((await home.run(['whoami', '--json'])).stdout), {
    issuer: home.issuer,
    source: 'file',
    scopes: ['orders:read', 'user:read'],
    user: { id: home.user.id },
  })
  const elsewhere = await home.run(['whoami'], { env: { ISSUER: '' } })
  t.equal(elsewhere.code, 2, 'an empty issuer is wrong usage')

  t.equal(await api(home, content.tokens.accessToken), 200)
  t.match(await home.run(['logout']), { code: 0, stdout: `Signed out at ${home.issuer}.\n` })
  t.equal(await api(home, content.tokens.accessToken), 401)
  t.throws(() => home.stored())
  const after = await home.run(['whoami'])
  t.match(after, { code: 1, stderr: `postern: Nobody is signed in at ${home.issuer}. Run: postern login\n` })
  t.match((await home.run(['logout'])).stdout, 'Nobody was signed in')
})

t.test('the last issuer is remembered, and a second sign-in revokes the first', async t => {
  const home = await homeOf(t)
  await home.signIn()
  const first = home.stored().content.tokens.accessToken
  await home.signIn(['--scope', 'reports'])
  t.equal(await api(home, first), 401)
  const who = await home.run(['whoami'], { env: { ISSUER: undefined } })
  t.match(who.stdout, `${home.user.id} at ${home.issuer}`)
})

t.test('without a browser, a code is entered on another device', async t => {
  const home = await homeOf(t)
  const login = home.start(['login', '--scope', 'orders:read'])
  const code = (await login.wrote(/enter the code [A-Z]{4}-[A-Z]{4}/)).slice(-9)
  const page = await home.browser.get(`/device?user_code=${code}`)
  t.match(page.body, 'Postern command line')
  await home.browser.submit(page, { decision: 'approve' }, /device$/)
  t.match(await login.ended, { code: 0, stdout: `Signed in at ${home.issuer} with orders:read.\n` })
  t.equal(await api(home, home.stored().content.tokens.accessToken), 200)
})

t.test('a browser that does not open is replaced by a code', async t => {
  const home = await homeOf(t)
  for (const BROWSER of ['false', '/no/such/program']) {
    const login = home.start(['login'], { env: { BROWSER } })
    await login.wrote(/enter the code [A-Z]{4}-[A-Z]{4}/)
    login.child.kill('SIGKILL')
  }
})

t.test('the user denies', async t => {
  const home = await homeOf(t)
  const login = home.start(['login'], { env: { BROWSER: 'true' } })
  const url = await login.wrote(/http\S+\/oauth\/authorize\?\S+/)
  const page = await home.browser.get(url.slice(home.issuer.length))
  const target = locationOf(await home.browser.submit(page, { decision: 'deny' }, /consent$/))
  t.match(await (await fetch(target)).text(), 'The sign-in failed')
  t.match(await login.ended, { code: 1, stderr: /postern: The sign-in was denied\.\n$/ })
})

t.test('a response with another state is ignored, and one of another issuer refused', async t => {
  const home = await homeOf(t)
  const login = home.start(['login'], { env: { BROWSER: 'true' } })
  const url = new URL(await login.wrote(/http\S+\/oauth\/authorize\?\S+/))
  const redirect = url.searchParams.get('redirect_uri') as string
  for (const query of ['', '?code=x', '?code=x&state=y', '?error=access_denied&state=y']) {
    t.equal((await fetch(redirect + query)).status, 400, query)
  }
  t.equal((await fetch(new URL('/other', redirect))).status, 404)
  t.equal((await fetch(redirect, { method: 'POST' })).status, 404)
  const state = url.searchParams.get('state')
  await fetch(`${redirect}?code=x&state=${state}&iss=https%3A%2F%2Fevil.example.com`)
  t.match(await login.ended, { code: 1, stderr: /does not come from/ })
})

t.test('the environment variable wins, and is not revoked', async t => {
  const home = await homeOf(t)
  const { plainText } = await home.services.tokens.issuePersonal({ user: home.user, name: 'ci', scopes: ['user:read'] })
  const env = { POSTERN_TOKEN: plainText }
  t.equal((await home.run(['token', '--for', 'header'], { env })).stdout, `Authorization: Bearer ${plainText}\n`)
  t.match((await home.run(['whoami'], { env })).stdout, 'Token from the variable POSTERN_TOKEN')
  const login = await home.run(['login'], { env })
  t.match(login, { code: 1, stderr: ONE_LINE })
  t.match(login.stderr, 'POSTERN_TOKEN is set')
  t.match((await home.run(['logout'], { env })).stderr, 'POSTERN_TOKEN is still set')
  t.equal(await api(home, plainText), 200)
})

t.test('the client cannot get administrative scopes, and stays revoked', async t => {
  const home = await homeOf(t)
  const login = home.start(['login', '--scope', 'admin:read'])
  t.match(await login.ended, { code: 1, stderr: /The client is not allowed admin:read/ })
  await home.services.clients.revoke(COMMAND_LINE_ID)
  await home.services.ensureCommandLine()
  t.match(await home.services.clients.find(COMMAND_LINE_ID), { revoked: true })
  t.match(await home.run(['login']), { code: 1, stderr: ONE_LINE })
})

t.test('an issuer that is none, is away, or has no https', async t => {
  const home = await homeOf(t)
  const gone = await home.run(['login', '--issuer', 'http://127.0.0.1:1'])
  t.match(gone, { code: 1, stderr: ONE_LINE })
  t.match(await home.run(['login', '--issuer', 'nonsense']), { code: 2, stderr: ONE_LINE })
  const plain = await home.run(['token', '--for', 'header', '--issuer', 'http://id.example.com'])
  t.match(plain, { code: 2, stderr: /must use https, except for loopback addresses/ })
  await home.signIn()
  await home.app.close()
  t.match(await home.run(['logout']), { code: 1, stderr: /cannot be reached/ })
  t.ok(home.stored(), 'it can still be revoked')
  t.match(await home.run(['logout', '--local']), { code: 0 })
  t.throws(() => home.stored())
})

t.test('the browser shows that it is done', async t => {
  const home = await homeOf(t)
  const login = home.start(['login'], { env: { BROWSER: 'true' } })
  const shown = await follow(home.browser, await login.wrote(/http\S+\/oauth\/authorize\?\S+/), home.issuer)
  t.equal(shown, 'You are signed in. You can close this window.')
  t.match(await login.ended, { code: 0 })
})

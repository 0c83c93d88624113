import t from 'tap'
import type { User } from '../../src/users/user.entity.ts'
import { newUser, PASSWORD } from '../helpers/app.ts'
import { Authenticator } from '../helpers/authenticator.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { optionsIn, signInWithCode, withApp, withPasskey, wrongCode } from '../helpers/factors.ts'
import { testNodes } from '../helpers/nodes.ts'

const [{ app, services }, other] = await testNodes(t)

let browsers = 0
/** Each from a network of its own, since failures are counted by network. */
const newBrowser = (at = app) => new Browser(at, `10.${++browsers}.0.1`)

const enter = async (browser: Browser, code: string) =>
  browser.submit(await browser.get('/login/second-step'), { code }, /second-step$/)

const isSignedIn = async (browser: Browser) => (await browser.get('/tokens')).statusCode === 200

t.test('a password alone signs nobody in who has a second factor', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = newBrowser()
  const begun = await browser.submit(
    await browser.get('/login?next=/apps'),
    { email: user.email, password: PASSWORD },
    /login$/,
  )
  t.equal(locationOf(begun).pathname, '/login/second-step')
  t.equal(browser.session, undefined, 'no session yet')
  t.notOk(await isSignedIn(browser))
  const page = await browser.get('/login/second-step')
  t.match(page.body, 'Code from your authenticator app')
  t.match(page.body, user.email)
  const done = await enter(browser, await code())
  t.equal(locationOf(done).pathname, '/apps', 'and goes on where it began')
  t.ok(await isSignedIn(browser))
  t.equal(locationOf(await browser.get('/login/second-step')).pathname, '/login', 'the step is over')
  const [session] = await services.sessions.list(user.id)
  t.equal(session?.methods, 'pwd otp')
})

t.test('a code is accepted once, on all nodes', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const once = await code()
  const answers = await Promise.all([app, other.app, app].map(at => signInWithCode(newBrowser(at), user, once)))
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [303, 401, 401])
  t.equal((await signInWithCode(newBrowser(), user, once)).statusCode, 401)
  const spaced = await code()
  t.equal((await signInWithCode(newBrowser(), user, `${spaced.slice(0, 3)} ${spaced.slice(3)}`)).statusCode, 303)
})

t.test('a recovery code is accepted once, however it is written', async t => {
  const user = await newUser(services)
  const { recoveryCodes } = await withApp(services, user)
  t.equal(recoveryCodes.length, 10)
  t.equal(new Set(recoveryCodes).size, 10)
  const [first = '', second = ''] = recoveryCodes
  const answers = await Promise.all([app, other.app].map(at => signInWithCode(newBrowser(at), user, first)))
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [303, 401])
  const typed = second.toUpperCase().replaceAll('-', ' ')
  t.equal((await signInWithCode(newBrowser(), user, typed)).statusCode, 303)
  t.equal((await signInWithCode(newBrowser(), user, second)).statusCode, 401)
  t.equal((await services.factors.list(user.id)).recoveryCodes, 8)
  const stored = await services.db.query<{ hash: Buffer }>('select hash from recovery_codes')
  t.notOk(JSON.stringify(stored).includes(first))
})

t.test('wrong codes are delayed and limited as wrong passwords, and lock out nobody elsewhere', async t => {
  const user = await newUser(services)
  const { code, secret } = await withApp(services, user)
  const thief = newBrowser()
  await thief.signIn(user)
  const guess = () => enter(thief, wrongCode(secret))
  for (let i = 0; i < 10; i++) t.equal((await guess()).statusCode, 401)
  // Signing in with the right password again forgets no wrong codes.
  await thief.signIn(user)
  const more = await Promise.all([guess(), guess(), guess()])
  t.ok(more.filter(({ statusCode }) => statusCode === 429).length >= 2, 'one at a time')
  t.equal((await signInWithCode(newBrowser(), user, await code())).statusCode, 303, 'not so from another network')
})

t.test('wrong codes of a user from all networks are limited by day', async t => {
  const user = await newUser(services)
  const { code, secret } = await withApp(services, user)
  const owner = newBrowser()
  t.equal((await signInWithCode(owner, user, await code())).statusCode, 303)
  const wrong = wrongCode(secret)
  const guess = (network: number) =>
    services.checkCode(user, wrong, { peer: { address: `172.16.${network}.1`, shared: false } })
  const refused = (status: number) => (error: { status: number }) => t.equal(error.status, status)
  await Promise.all(Array.from({ length: 100 }, (_, i) => guess(i).catch(refused(401))))
  await guess(200).catch(refused(429))
  const stranger = await signInWithCode(newBrowser(), user, await code())
  t.equal(stranger.statusCode, 429)
  t.ok(Number(stranger.headers['retry-after']) > 3600)
  t.equal((await signInWithCode(owner, user, await code())).statusCode, 303, 'but not in a known browser')
  await services.users.unlock(user.id)
  t.equal((await signInWithCode(newBrowser(), user, await code())).statusCode, 303, 'and not once an operator unlocks')
})

t.test('a passkey is a second factor', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  const theirs = await withPasskey(services, await newUser(services))
  const browser = newBrowser()
  await browser.signIn(user)
  const page = await browser.get('/login/second-step')
  const refused: [string, string][] = [
    ['the passkey of another user', theirs.get(optionsIn(page))],
    ['another origin', passkey.get(optionsIn(page), { origin: 'https://localhost.example' })],
    ['another host', passkey.get(optionsIn(page), { rpId: 'example.com' })],
    ['without PIN or finger', passkey.get(optionsIn(page), { verified: false })],
    ['another challenge', passkey.get(optionsIn(page), { challenge: 'AAAA' })],
    ['another key', new Authenticator({ copyOf: theirs }).get(optionsIn(page))],
    ['no JSON', 'x'],
    ['no credential', '{}'],
    ['another type of id', '{"id":7}'],
    ['a huge id', JSON.stringify({ id: 'a'.repeat(5_000) })],
    ['no response', JSON.stringify({ ...JSON.parse(passkey.get(optionsIn(page))), response: null })],
  ]
  for (const [what, credential] of refused) {
    const answer = await browser.submit(page, { credential }, /second-step$/)
    t.equal(answer.statusCode, 401, what)
    t.match(answer.body, 'This passkey was not accepted', what)
  }
  const credential = passkey.get(optionsIn(page))
  const elsewhere = newBrowser()
  await elsewhere.signIn(user)
  const stolen = { credential, challenge: /name="challenge" value="([^"]*)"/.exec(page.body)?.[1] }
  const replayed = await elsewhere.submit(await elsewhere.get('/login/second-step'), stolen, /second-step$/)
  t.equal(replayed.statusCode, 422, 'the challenge is of another browser')
  t.equal((await browser.submit(page, { credential }, /second-step$/)).statusCode, 303)
  t.ok(await isSignedIn(browser))
})

t.test('an answer of a passkey is accepted once', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  const browser = newBrowser()
  await browser.signIn(user)
  const page = await browser.get('/login/second-step')
  const credential = passkey.get(optionsIn(page))
  const step = new Map(browser.cookies)
  const submit = async (at: typeof app) => {
    const copy = new Browser(at, '10.200.0.1')
    for (const [name, value] of step) copy.cookies.set(name, value)
    return (await copy.submit(page, { credential }, /second-step$/)).statusCode
  }
  t.same((await Promise.all([submit(app), submit(other.app), submit(app)])).sort(), [303, 401, 401])
  t.equal(await submit(other.app), 401)
})

t.test('a step ends with what it began with', async t => {
  const begin = async (user: User) => {
    const browser = newBrowser()
    await browser.signIn(user)
    const page = await browser.get('/login/second-step')
    return async (code: string) => locationOf(await browser.submit(page, { code }, /second-step$/)).pathname
  }
  const changed = await newUser(services)
  const app = await withApp(services, changed)
  const go = await begin(changed)
  await services.users.setPassword(changed.id, 'another long password')
  t.equal(await go(await app.code()), '/login', 'a new password')
  const disabled = await newUser(services)
  const theirs = await withApp(services, disabled)
  const proceed = await begin(disabled)
  await services.users.disable(disabled.id)
  t.equal(await proceed(await theirs.code()), '/login', 'a disabled user')
  const browser = newBrowser()
  browser.cookies.set('postern-second-step', 'x')
  t.equal(locationOf(await browser.get('/login/second-step')).pathname, '/login')
})

t.test('a form without the right CSRF token changes nothing', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = newBrowser()
  await browser.signIn(user)
  await browser.get('/login/second-step')
  const forged = await browser.post('/login/second-step', { code: await code(), _csrf: 'x' })
  t.equal(forged.statusCode, 403)
  t.notOk(await isSignedIn(browser))
})

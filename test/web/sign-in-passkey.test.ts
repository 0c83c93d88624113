import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { Authenticator } from '../helpers/authenticator.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { optionsIn, withPasskey } from '../helpers/factors.ts'
import { testNodes } from '../helpers/nodes.ts'

const [{ app, services }, other] = await testNodes(t)

let browsers = 0
const newBrowser = (at = app) => new Browser(at, `10.${++browsers}.0.1`)
const action = /login\/passkey$/

t.test('a passkey signs in without a password', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  const browser = newBrowser()
  const page = await browser.get('/login?next=/apps')
  t.match(page.body, 'Sign in with a passkey')
  const options = JSON.parse(optionsIn(page))
  t.match(options, { rpId: 'localhost', userVerification: 'required' })
  t.notOk(options.allowCredentials?.length, 'the page does not know who comes')
  const answer = await browser.submit(page, { credential: passkey.get(optionsIn(page)) }, action)
  t.equal(locationOf(answer).pathname, '/apps')
  t.equal((await browser.get('/tokens')).statusCode, 200)
  const [session] = await services.sessions.list(user.id)
  t.equal(session?.methods, 'passkey')
  t.ok((await services.factors.list(user.id)).passkeys[0]?.lastUsedAt)
})

t.test('an answer that is not of this browser, page, host and moment is refused', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  const browser = newBrowser()
  const page = await browser.get('/login')
  const attempt = (credential: string, by = browser) => by.submit(page, { credential }, action)
  const options = optionsIn(page)
  for (const [what, credential] of [
    ['unknown', new Authenticator().get(options)],
    ['another origin', passkey.get(options, { origin: 'http://localhost:3001' })],
    ['another host', passkey.get(options, { rpId: 'localhost.example' })],
    ['no verification of the user', passkey.get(options, { verified: false })],
    ['another challenge', passkey.get(options, { challenge: 'AAAA' })],
    ['nothing', ''],
    ['a new credential in place of a use', passkey.create(JSON.stringify({ challenge: 'x', rp: { id: 'localhost' } }))],
  ] as const) {
    const answer = await attempt(credential)
    t.equal(answer.statusCode, 401, what)
    t.match(answer.body, 'This passkey was not accepted', what)
  }
  const thief = newBrowser()
  await thief.get('/login')
  const { cookies } = thief
  for (const [name, value] of browser.cookies) if (!name.endsWith('-passkey')) cookies.set(name, value)
  t.equal((await attempt(passkey.get(options), thief)).statusCode, 400, 'in another browser')
  t.equal((await attempt(passkey.get(options))).statusCode, 303)
  t.equal((await attempt(passkey.get(options))).statusCode, 403, 'the form is of no session')
})

t.test('of one answer, sent to two nodes at once, one is accepted', async t => {
  const passkey = await withPasskey(services, await newUser(services))
  const browser = newBrowser()
  const page = await browser.get('/login')
  const credential = passkey.get(optionsIn(page))
  const copies = [app, other.app, app, other.app].map(at => {
    const copy = newBrowser(at)
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
    return copy
  })
  const answers = await Promise.all(copies.map(copy => copy.submit(page, { credential }, action)))
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [303, 401, 401, 401])
})

t.test('a copied passkey is noticed by its counter', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user, new Authenticator({ counter: 5 }))
  const copy = new Authenticator({ copyOf: passkey })
  const signIn = async (by: Authenticator) => {
    const browser = newBrowser()
    const page = await browser.get('/login')
    return (await browser.submit(page, { credential: by.get(optionsIn(page)) }, action)).statusCode
  }
  t.equal(await signIn(passkey), 303)
  t.equal(await signIn(passkey), 303)
  t.equal(await signIn(copy), 401, 'it is behind')
  t.equal(await signIn(passkey), 303)
  const [event] = await services.auditLog.list({ kind: 'sign_in.failed', userId: user.id }, { limit: 1 })
  t.match(event?.details, { reason: 'counter' })
})

t.test('a disabled user does not sign in, and nothing says why', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  await services.users.disable(user.id)
  const browser = newBrowser()
  const page = await browser.get('/login')
  const answer = await browser.submit(page, { credential: passkey.get(optionsIn(page)) }, action)
  t.equal(answer.statusCode, 401)
  t.match(answer.body, 'This passkey was not accepted')
})

t.test('passkeys follow the address and PASSWORDS', async t => {
  const { app: byAddress } = await testApp(t, { issuer: 'http://127.0.0.1:3000' })
  t.notMatch((await byAddress.inject('/login')).body, 'passkey', 'an address has none')
  const byProvider = await testApp(t, { passwords: 'admins' })
  const user = await newUser(byProvider.services)
  const passkey = await withPasskey(byProvider.services, user)
  const browser = new Browser(byProvider.app)
  const page = await browser.get('/login')
  const answer = await browser.submit(page, { credential: passkey.get(optionsIn(page)) }, action)
  t.equal(answer.statusCode, 401, 'who may not use a password may not use a passkey either')
})

t.test('failures are limited by address', async t => {
  const browser = newBrowser()
  const page = await browser.get('/login')
  const attempt = () => browser.submit(page, { credential: new Authenticator().get(optionsIn(page)) }, action)
  for (let i = 0; i < 50; i++) t.equal((await attempt()).statusCode, 401)
  const refused = await attempt()
  t.equal(refused.statusCode, 429)
  t.ok(Number(refused.headers['retry-after']) > 0)
})

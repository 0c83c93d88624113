import t from 'tap'
import { newUser, PASSWORD, testApp } from '../../helpers/app.ts'
import { Authenticator } from '../../helpers/authenticator.ts'
import { Browser, locationOf } from '../../helpers/browser.ts'
import {
  codeOf,
  optionsIn,
  secretOf,
  sessionOf,
  signInWithCode,
  withApp,
  withPasskey,
  wrongCode,
} from '../../helpers/factors.ts'
import { linkIn, mailSettings, openMailServer } from '../../helpers/mail.ts'

const mails = await openMailServer(t)
const { app, services } = await testApp(t, mailSettings(mails))
services.listen()

const SECURITY = '/account/security'
let browsers = 0
const newBrowser = () => new Browser(app, `10.${++browsers}.0.1`)

/** As if these minutes had passed since anybody signed in. */
const passing = (minutes: number) =>
  services.db.query(
    `update sessions set created_at = created_at - interval '${minutes} minutes', proved_at = proved_at - interval '${minutes} minutes'`,
  )

const audited = async (user: string) =>
  (await services.auditLog.list({ userId: user }, { limit: 20 })).map(({ kind }) => kind)

/** Waits for a mail with this subject; earlier ones may be about other things. */
async function mailAbout(to: string, subject: RegExp) {
  for (;;) {
    const mail = await mails.take(to)
    if (subject.test(mail.subject ?? '')) return mail
  }
}

async function signedIn() {
  const user = await newUser(services)
  const browser = newBrowser()
  await browser.signIn(user)
  return { user, browser }
}

t.test('somebody sets up an authenticator app, and gets recovery codes once', async t => {
  const { user, browser } = await signedIn()
  const otherBrowser = newBrowser()
  await otherBrowser.signIn(user)
  t.match((await browser.get('/account')).body, SECURITY)
  const page = await browser.get(`${SECURITY}/authenticator-app`)
  t.match(page.body, /<svg[^>]*viewBox/)
  const typed = /id="secret"[^>]*value="([^"]*)"/.exec(page.body)?.[1] as string
  const secret = secretOf(`otpauth://totp/x?secret=${typed.replaceAll(' ', '')}`)
  t.equal(secret.length, 20)
  const wrong = await browser.submit(page, { code: wrongCode(secret) }, /authenticator-app$/)
  t.equal(wrong.statusCode, 400)
  t.match(wrong.body, 'The code is wrong')
  t.ok(wrong.body.includes(typed), 'the same secret is shown')
  t.notOk(await services.factors.has(user.id))
  const shown = await browser.submit(wrong, { code: codeOf(secret) }, /authenticator-app$/)
  t.equal(shown.statusCode, 201)
  t.equal(shown.headers['cache-control'], 'no-store')
  const codes = /<code id="codes">([^<]*)</.exec(shown.body)?.[1]?.split('\n') ?? []
  t.equal(codes.length, 10)
  t.ok(codes.every(code => /^([0-9a-z]{4}-){3}[0-9a-z]{4}$/.test(code)))
  t.match((await browser.get(SECURITY)).body, 'You have 10 recovery codes left.')
  t.equal(locationOf(await otherBrowser.get('/tokens')).pathname, '/login', 'sessions that a password began end')
  t.ok(await mailAbout(user.email, /Authenticator app set up/))
  t.match(await audited(user.id), ['user.factor_added'])
  const again = newBrowser()
  t.equal((await signInWithCode(again, user, codeOf(secret))).statusCode, 401, 'the code was used for the setup')
  t.equal((await signInWithCode(again, user, codes[0] as string)).statusCode, 303)
  const [row] = await services.db.query<{ encrypted_secret: string }>(
    'select encrypted_secret from authenticator_apps where user_id = ?',
    [user.id],
  )
  t.notOk(row?.encrypted_secret.includes(secret.toString('base64url')))
})

t.test('a setup is of one session', async t => {
  const { browser } = await signedIn()
  const { browser: thief } = await signedIn()
  const page = await browser.get(`${SECURITY}/authenticator-app`)
  const typed = /id="secret"[^>]*value="([^"]*)"/.exec(page.body)?.[1] as string
  const code = codeOf(secretOf(`otpauth://totp/x?secret=${typed.replaceAll(' ', '')}`))
  const setup = /name="setup" value="([^"]*)"/.exec(page.body)?.[1]
  const theirs = await thief.get(`${SECURITY}/authenticator-app`)
  for (const value of [setup, 'x', '']) {
    const refused = await thief.submit(theirs, { setup: value, code }, /authenticator-app$/)
    t.equal(refused.statusCode, 400, `with ${value}`)
    t.match(refused.body, 'took too long')
  }
})

t.test('somebody adds a passkey, and removes it', async t => {
  const { user, browser } = await signedIn()
  const passkey = new Authenticator()
  const page = await browser.get(SECURITY)
  const add = (credential: string, on = page, name = 'My phone') =>
    browser.submit(on, { credential, name }, /passkeys$/)
  const options = optionsIn(page)
  t.match(JSON.parse(options), {
    rp: { id: 'localhost' },
    attestation: 'none',
    authenticatorSelection: { userVerification: 'required' },
  })
  const x5c = new Map<string, unknown>([['x5c', [new Uint8Array([1])]]])
  for (const [what, credential] of [
    ['another origin', passkey.create(options, { origin: 'https://evil.example' })],
    ['another host', passkey.create(options, { rpId: 'evil.example' })],
    ['another challenge', passkey.create(options, { challenge: 'AAAA' })],
    ['without PIN or finger', passkey.create(options, { verified: false })],
    ['with a certificate', passkey.create(options, { attestation: { fmt: 'packed', attStmt: x5c } })],
    ['another format', passkey.create(options, { attestation: { fmt: 'tpm', attStmt: x5c } })],
    ['a use', passkey.get(JSON.stringify({ challenge: JSON.parse(options).challenge, rpId: 'localhost' }))],
    ['nothing', ''],
    ['no JSON', '{'],
    ['null', 'null'],
  ] as const) {
    const refused = await add(credential)
    t.equal(refused.statusCode, 400, what)
    t.match(refused.body, 'The passkey was not accepted', what)
  }
  t.equal((await add(passkey.create(options), page, '')).statusCode, 400, 'without a name')
  const added = await add(passkey.create(options), page, '<b>phone</b>')
  t.equal(added.statusCode, 201, added.body)
  t.match(added.body, 'Recovery codes')
  t.equal((await add(passkey.create(options))).statusCode, 400, 'the challenge was used')
  const next = await browser.get(SECURITY)
  t.match(next.body, '&lt;b&gt;phone&lt;/b&gt;')
  t.same(JSON.parse(optionsIn(next)).excludeCredentials.length, 1)
  t.match((await add(passkey.create(optionsIn(next)), next)).body, 'The passkey is registered already')
  t.equal((await add(new Authenticator().create(optionsIn(next)), next, 'Laptop')).statusCode, 303)
  const [first, second] = (await services.factors.list(user.id)).passkeys
  const { browser: stranger } = await signedIn()
  const form = await stranger.get(SECURITY)
  const _csrf = /name="_csrf" value="([^"]*)"/.exec(form.body)?.[1]
  t.equal((await stranger.post(`${SECURITY}/passkeys/${first?.id}/remove`, { _csrf })).statusCode, 404)
  t.equal((await stranger.post(`${SECURITY}/passkeys/x/remove`, { _csrf })).statusCode, 404)
  for (const id of [first?.id, 'x'])
    t.equal((await stranger.post(`${SECURITY}/passkeys/${id}/rename`, { _csrf, name: 'Mine' })).statusCode, 404)
  const rename = async (name: string) =>
    browser.submit(await browser.get(SECURITY), { name }, new RegExp(`${first?.id}/rename$`))
  t.equal((await rename('')).statusCode, 400)
  t.equal((await rename('x'.repeat(65))).statusCode, 400)
  t.equal((await rename('Old <i>phone</i>')).statusCode, 303)
  t.match((await browser.get(SECURITY)).body, /is called .*Old &lt;i&gt;phone&lt;\/i&gt;.* now/)
  const names = (await services.factors.list(user.id)).passkeys.map(({ name }) => name)
  t.strictSame(names, ['Old <i>phone</i>', 'Laptop'])
  for (const { id } of [first, second] as { id: string }[]) {
    const removal = await browser.submit(await browser.get(SECURITY), {}, new RegExp(`${id}/remove$`))
    t.equal(removal.statusCode, 303)
  }
  t.same(await services.factors.list(user.id), { passkeys: [], app: undefined, recoveryCodes: 0 }, 'and the codes go')
  t.ok(await mailAbout(user.email, /Passkey added/))
  t.ok(await mailAbout(user.email, /Passkey removed/))
  t.match(await audited(user.id), [
    'user.factor_removed',
    'user.factor_removed',
    'user.factor_renamed',
    'user.factor_added',
  ])
})

t.test('who enters ten wrong codes in a day is told by mail, once', async t => {
  const user = await newUser(services)
  const { secret } = await withApp(services, user)
  await services.users.setLanguage(user.id, 'de')
  const guess = async (network: number) => {
    const payload = { email: user.email, password: PASSWORD, device_name: 'x', code: wrongCode(secret) }
    const remoteAddress = `10.200.${network}.1`
    return (await app.inject({ method: 'POST', url: '/api/tokens', remoteAddress, payload })).statusCode
  }
  for (let i = 0; i < 9; i++) t.equal(await guess(i), 401)
  await services.factors.createRecoveryCodes(await sessionOf(services, user))
  t.match((await mailAbout(user.email, /codes/)).text, 'Wiederherstellungscodes')
  for (let i = 9; i < 12; i++) t.equal(await guess(i), 401)
  t.match((await mails.take(user.email)).text, '10 falsche Codes')
  await services.factors.reset(user.id)
  t.match((await mails.take(user.email)).subject, 'zurückgesetzt', 'the next mail is about something else')
})

t.test('a change of the factors asks for the factor again after ten minutes', async t => {
  const user = await newUser(services)
  const { code, recoveryCodes } = await withApp(services, user)
  const browser = newBrowser()
  await signInWithCode(browser, user, await code())
  await passing(11)
  const remove = async (fields: object, on?: Awaited<ReturnType<typeof browser.get>>) =>
    browser.submit(on ?? (await browser.get(SECURITY)), fields as never, /authenticator-app\/remove$/)
  const asked = await remove({})
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'Confirm it’s you')
  t.notMatch(asked.body, 'own_password', 'a password is not enough')
  const withPassword = await remove({ own_password: PASSWORD }, asked)
  t.equal(withPassword.statusCode, 400)
  t.ok(await services.factors.has(user.id))
  const wrong = await remove({ own_code: 'x' }, withPassword)
  t.equal(wrong.statusCode, 400)
  t.match(wrong.body, 'The code is wrong')
  t.equal((await remove({ own_code: recoveryCodes[0] }, wrong)).statusCode, 303)
  t.notOk(await services.factors.has(user.id))
})

t.test('a passkey confirms too, in the browser that was asked', async t => {
  const user = await newUser(services)
  const passkey = await withPasskey(services, user)
  const signIn = async () => {
    const browser = newBrowser()
    const page = await browser.get('/login')
    await browser.submit(page, { credential: passkey.get(optionsIn(page)) }, /login\/passkey$/)
    return browser
  }
  const browser = await signIn()
  const thief = await signIn()
  await passing(11)
  const create = async (by: Browser) => by.submit(await by.get(SECURITY), {}, /recovery-codes$/)
  const asked = await create(browser)
  t.equal(asked.statusCode, 403)
  const own_credential = passkey.get(optionsIn(asked))
  const own_challenge = /name="own_challenge" value="([^"]*)"/.exec(asked.body)?.[1]
  const stolen = await thief.submit(await create(thief), { own_credential, own_challenge }, /recovery-codes$/)
  t.equal(stolen.statusCode, 400)
  t.equal((await browser.submit(asked, { own_credential }, /recovery-codes$/)).statusCode, 201)
  t.equal((await browser.submit(asked, { own_credential }, /recovery-codes$/)).statusCode, 400, 'once')
})

t.test('a factor is not removed with a session that has ended meanwhile', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = newBrowser()
  await signInWithCode(browser, user, await code())
  const page = await browser.get(SECURITY)
  await services.sessions.endAll(user.id)
  const answer = await browser.submit(page, {}, /authenticator-app\/remove$/)
  t.equal(answer.statusCode, 401)
  t.ok(await services.factors.has(user.id))
})

t.test('a new password or address asks for the second factor', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = newBrowser()
  await signInWithCode(browser, user, await code())
  await passing(11)
  const password = 'another long password'
  const fields = { current_password: PASSWORD, password, password_confirmation: password }
  const change = async () => browser.submit(await browser.get('/account'), fields, /account\/password$/)
  const asked = await change()
  t.equal(asked.statusCode, 403)
  const done = await browser.submit(asked, { ...fields, own_code: await code() }, /account\/password$/)
  t.equal(done.statusCode, 303, done.body)
  t.equal((await browser.get('/tokens')).statusCode, 200, 'the session goes on')
  t.ok(await services.factors.has(user.id))
  await passing(11)
  const profile = { name: 'Ada', email: `new.${user.email}`, current_password: password }
  t.equal((await browser.submit(await browser.get('/account'), profile, /account$/)).statusCode, 403)
  const renamed = await browser.submit(await browser.get('/account'), { name: 'Ada', email: user.email }, /account$/)
  t.equal(renamed.statusCode, 303, 'a name asks for nothing')
})

t.test('a link to reset the password leaves the factors', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  await services.accountMail.requestReset(user.email)
  const link = linkIn(await mailAbout(user.email, /Reset your password/))
  const browser = newBrowser()
  const password = 'another long password'
  const page = await browser.get(link)
  await browser.submit(page, { password, password_confirmation: password }, /reset-password$/)
  const begun = await browser.signIn(user, password)
  t.equal(locationOf(begun).pathname, '/login/second-step')
  const done = await browser.submit(await browser.get('/login/second-step'), { code: await code() }, /second-step$/)
  t.equal(done.statusCode, 303)
})

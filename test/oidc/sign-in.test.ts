import t from 'tap'
import { ISSUER, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { OIDC_CLIENT, openProvider } from '../helpers/openid-provider.ts'
import { operations, provision, testDirectory } from '../helpers/scim.ts'

const provider = await openProvider(t, [`${ISSUER}/oidc/callback`])
const PROVIDER = {
  key: '1',
  issuer: provider.issuer,
  ...OIDC_CLIENT,
  privateKey: undefined,
  scopes: 'openid profile email groups',
  label: 'Example',
  provision: 'jit',
  admins: { claim: 'groups', value: 'postern-admins' },
  link: 'none',
} as const
const { app, services } = await testApp(t, { oidc: [PROVIDER] })

let subjects = 0
const newSubject = (claims: Record<string, unknown> = {}) => {
  const subject = `subject-${++subjects}`
  provider.claims[subject] = {
    name: 'Ada Lovelace',
    email: `${subject}@example.com`,
    email_verified: true,
    ...claims,
  }
  return subject
}

async function begin(browser: Browser, next?: string) {
  const answer = await browser.get(`/login/oidc/1${next ? `?next=${encodeURIComponent(next)}` : ''}`)
  return String(answer.headers.location)
}

/** Signs in as a subject. @returns the response to the callback */
async function signIn(subject: string, { browser = new Browser(app), next = '' } = {}) {
  provider.person = subject
  const back = await provider.walk(await begin(browser, next || undefined))
  return { browser, back, answer: await browser.get(back.pathname + back.search) }
}

const account = async (browser: Browser) => (await browser.get('/account')).body
const userOf = async (subject: string) => {
  const [row] = await services.db.query<{ user_id: string }>(
    'select user_id from user_identities where issuer = ? and subject = ?',
    [provider.issuer, subject],
  )
  return row && services.users.find(row.user_id)
}

t.test('a person who is new gets a user, and is the same user the next time', async t => {
  const subject = newSubject()
  const page = await new Browser(app).get('/login?next=/apps')
  t.match(page.body, '<a href="/login/oidc/1?next=%2Fapps"')
  t.match(page.body, 'Continue with Example')
  const { browser, answer } = await signIn(subject, { next: '/apps' })
  t.equal(answer.statusCode, 303, answer.body)
  t.equal(locationOf(answer).pathname, '/apps')
  t.match(await account(browser), `value="${subject}@example.com"`)
  const user = await userOf(subject)
  t.match(user, { name: 'Ada Lovelace', role: 'user', hasPassword: false })
  t.ok(user?.emailConfirmedAt)
  await signIn(subject)
  t.equal((await userOf(subject))?.id, user?.id)
})

t.test('name, address and role follow the provider', async t => {
  const subject = newSubject()
  await signIn(subject)
  const { email } = await newUser(services)
  Object.assign(provider.claims[subject] as object, { name: 'Ada King', groups: ['x', 'postern-admins'] })
  await signIn(subject)
  t.match(await userOf(subject), { name: 'Ada King', role: 'admin' })
  Object.assign(provider.claims[subject] as object, { email, groups: ['x'] })
  await signIn(subject)
  t.match(await userOf(subject), { email: `${subject}@example.com` }, 'the address of another user is not taken over')
})

t.test('an address links nothing', async t => {
  const victim = await newUser(services, 'admin')
  const subject = newSubject({ email: victim.email })
  const { answer } = await signIn(subject)
  t.equal(answer.statusCode, 303)
  const user = await userOf(subject)
  t.not(user?.id, victim.id)
  t.match(user?.email, /@no-address\.invalid$/)
  t.equal(user?.emailConfirmedAt, null)
  const unverified = newSubject({ email_verified: false })
  await signIn(unverified)
  t.match((await userOf(unverified))?.email, /@no-address\.invalid$/, 'nor is one shown that nobody verified')
  const none = newSubject({ email: undefined, name: undefined })
  t.equal((await signIn(none)).answer.statusCode, 303)
})

t.test('odd claims are no reason for an error', async t => {
  const names = ['\u0000', 'a\u202eb', 'x'.repeat(300), '', 7, { a: 1 }]
  for (const name of names) {
    const subject = newSubject({ name, email: '\u0000@example.com', sid: 'x'.repeat(300) })
    t.equal((await signIn(subject)).answer.statusCode, 303, JSON.stringify(name))
    t.equal((await userOf(subject))?.name, subject)
  }
  t.equal((await signIn('s'.repeat(256))).answer.statusCode, 403, 'longer than a subject may be')
})

t.test('a disabled user is refused', async t => {
  const subject = newSubject()
  await signIn(subject)
  await services.users.disable((await userOf(subject))?.id as string)
  const { answer, browser } = await signIn(subject)
  t.equal(answer.statusCode, 403)
  t.match(answer.body, 'Your account is disabled')
  t.notOk(browser.session)
})

t.test('the response must belong to the sign-in of this browser', async t => {
  const refused = async (url: URL, browser: Browser) => {
    const answer = await browser.get(url.pathname + url.search)
    t.equal(answer.statusCode, 403, url.search)
    t.notOk(browser.session)
    t.equal((await browser.get('/account')).statusCode, 303)
    return answer
  }
  provider.person = newSubject()
  const back = await provider.walk(await begin(new Browser(app)))
  t.match((await refused(back, new Browser(app))).body, 'has expired', 'another browser, as in a forged sign-in')
  const other = new Browser(app)
  await begin(other)
  await refused(back, other)

  const { back: used, answer, browser } = await signIn(newSubject())
  t.equal(answer.statusCode, 303)
  browser.cookies.delete(browser.sessionCookie as string)
  await refused(used, browser)
  const again = new Browser(app)
  await begin(again)
  await refused(used, again)

  const mine = new Browser(app)
  const own = await provider.walk(await begin(mine))
  own.searchParams.set('iss', 'https://other.example')
  await refused(own, mine)
  const declined = new Browser(app)
  const state = new URL(await begin(declined)).searchParams.get('state') as string
  const error = new URL(`${ISSUER}/oidc/callback?error=access_denied&state=${state}&iss=${provider.issuer}`)
  t.match((await refused(error, declined)).body, 'Signing in with Example failed')
  for (const path of ['/oidc/callback', '/oidc/callback?code=x', '/oidc/callback?code=x&state=x']) {
    t.equal((await new Browser(app).get(path)).statusCode, 403)
  }
  for (const path of ['/login/oidc/2', '/login/oidc/x', '/oidc/callback/2']) {
    t.equal((await new Browser(app).get(path)).statusCode, 404)
  }
})

t.test('an ID token that is not for this sign-in is refused', async t => {
  const now = Math.floor(Date.now() / 1000)
  const good = { iss: provider.issuer, aud: OIDC_CLIENT.clientId, iat: now, exp: now + 60 }
  const cases: Record<string, (nonce: string) => Promise<string>> = {
    'wrong nonce': () => provider.sign({ ...good, sub: 'x', nonce: 'other' }),
    'no nonce': () => provider.sign({ ...good, sub: 'x' }),
    'wrong issuer': nonce => provider.sign({ ...good, sub: 'x', nonce, iss: 'https://other.example' }),
    'wrong audience': nonce => provider.sign({ ...good, sub: 'x', nonce, aud: 'other' }),
    expired: nonce => provider.sign({ ...good, sub: 'x', nonce, iat: now - 900, exp: now - 600 }),
    'no subject': nonce => provider.sign({ ...good, nonce }),
    'wrong signature': async nonce => `${(await provider.sign({ ...good, sub: 'x', nonce })).slice(0, -9)}AAAAAAAA`,
    'no signature': async nonce => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none' })}.${part({ ...good, sub: 'x', nonce })}.`
    },
  }
  for (const [name, idToken] of Object.entries(cases)) {
    const browser = new Browser(app)
    provider.person = newSubject()
    const url = await begin(browser)
    const nonce = new URL(url).searchParams.get('nonce') as string
    const back = await provider.walk(url)
    provider.rewrite = async (path, body) =>
      path === '/token' ? JSON.stringify({ ...JSON.parse(body), id_token: await idToken(nonce) }) : body
    const answer = await browser.get(back.pathname + back.search)
    provider.rewrite = undefined
    t.equal(answer.statusCode, 403, name)
    t.notOk(browser.session, name)
  }
})

t.test('a provider that is away stops sign-ins by it, and nothing else', async t => {
  for (const [name, other] of Object.entries({ broken: 'break', silent: 'hang' } as const)) {
    const own = await openProvider(t, [`${ISSUER}/oidc/callback`])
    own.state = other
    const { app, services } = await testApp(t, { oidc: [{ ...PROVIDER, issuer: own.issuer }] })
    const browser = new Browser(app)
    const answer = await browser.get('/login/oidc/1')
    t.equal(answer.statusCode, 503, name)
    t.match(answer.body, 'Example does not respond at the moment')
    const user = await newUser(services)
    await browser.signIn(user)
    t.ok(browser.session, 'a password signs in')
    own.state = 'ok'
  }
})

t.test('a provider that failed is asked again', async t => {
  const own = await openProvider(t, [`${ISSUER}/oidc/callback`])
  own.state = 'break'
  const { app } = await testApp(t, { oidc: [{ ...PROVIDER, issuer: own.issuer }] })
  t.equal((await new Browser(app).get('/login/oidc/1')).statusCode, 503)
  own.state = 'ok'
  let answer = await new Browser(app).get('/login/oidc/1')
  for (let tries = 0; answer.statusCode === 503 && tries < 500; tries++) {
    await new Promise(resolve => setTimeout(resolve, 10))
    answer = await new Browser(app).get('/login/oidc/1')
  }
  t.equal(answer.statusCode, 303)
})

t.test('only linked users, and linking by an address that both sides verified', async t => {
  const existing = { ...PROVIDER, provision: 'existing', link: 'verified_email', admins: undefined, externalId: 'oid' }
  const { app, services, scim } = await testDirectory(t, { oidc: [existing] } as never)
  const enter = async (subject: string) => {
    provider.person = subject
    const browser = new Browser(app)
    const back = await provider.walk(String((await browser.get('/login/oidc/1')).headers.location))
    return { browser, answer: await browser.get(back.pathname + back.search) }
  }
  t.match((await enter(newSubject())).answer.body, 'There is no account for you yet')
  const user = await newUser(services)
  t.equal((await enter(newSubject({ email: user.email, email_verified: false }))).answer.statusCode, 403)
  t.equal((await enter(newSubject({ email: user.email.toUpperCase() }))).answer.statusCode, 303)
  t.equal((await enter(newSubject({ email: user.email }))).answer.statusCode, 403, 'a second subject with the address')
  const own = await newUser(services)
  await services.users.update(own.id, { email: `typed-${own.email}`, emailConfirmed: false })
  t.equal((await enter(newSubject({ email: `typed-${own.email}` }))).answer.statusCode, 403, 'not confirmed here')

  const id = await provision(scim, { externalId: 'oid-1' })
  const known = async (subject: string) => (await enter(subject)).answer.statusCode
  for (const oid of ['oid-9', 1, ['oid-1'], 'OID-1', ''])
    t.equal(await known(newSubject({ oid })), 403, `oid ${JSON.stringify(oid)}`)
  const subject = newSubject({ oid: 'oid-1' })
  t.equal(await known(subject), 303, 'the claim is the external id of the directory')
  const identities = await services.db.query('select user_id from user_identities where subject = ?', [subject])
  t.strictSame(identities, [{ user_id: id }])
  t.equal(await known(newSubject({ oid: 'oid-1' })), 403, 'a second subject with the external id')
  delete (provider.claims[subject] as { oid?: string }).oid
  t.equal(await known(subject), 303, 'known by the subject from then on')
  await scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'externalId', value: 'oid-2' }))
  t.equal(await known(subject), 403, 'until another person has the user')
})

t.test('passwords can be for administrators only', async t => {
  const { app, services } = await testApp(t, { oidc: [PROVIDER], passwords: 'admins' } as never)
  const [user, admin] = [await newUser(services), await newUser(services, 'admin')]
  t.equal((await new Browser(app).signIn(user)).statusCode, 401)
  t.equal((await new Browser(app).signIn(admin)).statusCode, 303)
  const payload = { email: user.email, password: 'correct horse battery', device_name: 'x' }
  t.equal((await app.inject({ method: 'POST', url: '/api/tokens', payload })).statusCode, 401)
})

t.test('a sensitive act asks for a fresh sign-in at the provider', async t => {
  const subject = newSubject({ groups: ['postern-admins'] })
  const { browser } = await signIn(subject)
  const person = { name: 'Grace', email: `grace-${subject}@example.com`, role: 'user' }
  const page = await browser.get('/manage/users/new')
  const userId = (await userOf(subject))?.id
  await services.db.query(
    `update sessions set created_at = created_at - interval '11 minutes', proved_at = proved_at - interval '11 minutes'
     where user_id = ?`,
    [userId],
  )
  const asked = await browser.submit(page, person, /users$/)
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'href="/confirm/oidc/1?next=%2Fconfirm%2Fresume"')
  t.notMatch(asked.body, /type="password"/)

  const confirm = async (as: string) => {
    provider.person = as
    const url = String((await browser.get('/confirm/oidc/1?next=%2Fconfirm%2Fresume')).headers.location)
    t.match(url, 'prompt=login')
    const back = await provider.walk(url)
    return browser.get(back.pathname + back.search)
  }
  t.equal((await confirm(newSubject({ groups: ['postern-admins'] }))).statusCode, 403, 'somebody else does not count')
  t.equal((await browser.submit(page, person, /users$/)).statusCode, 403)
  const done = await confirm(subject)
  t.equal(locationOf(done).pathname, '/confirm/resume')
  const waiting = await browser.get('/confirm/resume')
  const stored = await services.db.query('select held_form from sessions where user_id = ?', [userId])
  t.notOk(JSON.stringify(stored).includes('Grace'), 'encrypted meanwhile')
  t.equal((await browser.submit(waiting, {}, /users$/)).statusCode, 200, 'what was filled in is still there')
  t.ok(await services.users.findByEmail(person.email))
  t.equal((await browser.submit(page, { ...person, email: `more-${person.email}` }, /users$/)).statusCode, 200)
})

t.test('a sign-in that the provider did not ask for proves nothing about who sits there', async t => {
  const subject = newSubject({ groups: ['postern-admins'] })
  provider.person = subject
  const atProvider = new Map<string, string>()
  const enter = async () => {
    const browser = new Browser(app)
    const back = await provider.walk(await begin(browser), atProvider)
    await browser.get(back.pathname + back.search)
    const page = await browser.get('/manage/users/new')
    const person = { name: 'Grace', email: `sso-${Math.random()}@example.com`, role: 'user' }
    return (await browser.submit(page, person, /users$/)).statusCode
  }
  t.equal(await enter(), 200, 'just signed in there')
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  // The session at the provider is used again eleven minutes later.
  Date.now = () => now() + 660_000
  t.equal(await enter(), 403)
})

t.test('two browsers of a new person at once make one user', async t => {
  const subject = newSubject()
  provider.person = subject
  const browsers = [new Browser(app), new Browser(app), new Browser(app)]
  const urls: URL[] = []
  for (const browser of browsers) urls.push(await provider.walk(await begin(browser)))
  const answers = await Promise.all(browsers.map((b, i) => b.get((urls[i] as URL).pathname + (urls[i] as URL).search)))
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [303, 303, 303],
  )
  const rows = await services.db.query('select 1 from users where name = ?', ['Ada Lovelace'])
  t.ok(rows.length)
  t.ok(await userOf(subject))
})

export type { TestApp }

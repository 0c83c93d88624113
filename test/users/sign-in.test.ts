import { hash, verify } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { bearer, requester } from '../helpers/requester.ts'
import { slowHashes } from '../helpers/slow-hashes.ts'

/** Guessing passwords: at one user, from one address, in any spelling, by any way in. */

const { app, services } = await testApp(t, { trustProxy: '10.0.0.0/8' })
const PER_USER = 10
const PER_ADDRESS = 50

interface From {
  remoteAddress?: string
  forwarded?: string
}

const addresses = new Map<string, string>()
/** Each user from an address of their own, for what is not about addresses. */
const addressOf = (email: string) => {
  const address = addresses.get(email) ?? `192.0.2.${addresses.size + 1}`
  addresses.set(email, address)
  return address
}

const signInAt =
  (app: FastifyInstance) =>
  (email: string, password: string, { remoteAddress = addressOf(email), forwarded }: From = {}) =>
    app.inject({
      method: 'POST',
      url: '/api/tokens',
      remoteAddress,
      headers: { ...(forwarded && { 'x-forwarded-for': forwarded, forwarded: `for=${forwarded}` }) },
      payload: { email, password, device_name: 'x' },
    })

const signIn = signInAt(app)

/** How many of so many tries at once got each status. */
async function tries(count: number, work: (i: number) => Promise<{ statusCode: number }>) {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => work(i)))
  const counts: Record<number, number> = {}
  for (const { statusCode } of answers) counts[statusCode] = (counts[statusCode] ?? 0) + 1
  return counts
}

t.test('the same answer for a wrong password, an unknown user and a disabled one', async t => {
  const known = await newUser(services)
  const disabled = await newUser(services)
  await services.users.disable(disabled.id)
  const answers = [
    await signIn(known.email, 'wrong password'),
    await signIn('nobody@example.com', PASSWORD),
    await signIn(disabled.email, PASSWORD),
    await signIn('no address at all', PASSWORD),
  ]
  const seen = answers.map(({ statusCode, body, headers: { date: _, 'x-request-id': _1, ...headers } }) => ({
    statusCode,
    body,
    headers,
  }))
  for (const answer of seen) t.strictSame(answer, seen[0])
  t.match(seen[0], { statusCode: 401, body: /The e-mail address or the password is wrong/ })
})

t.test('and the same work: nobody can tell by the time it takes who there is', async t => {
  const known = await newUser(services)
  const disabled = await newUser(services)
  await services.users.disable(disabled.id)
  for (const email of [known.email, disabled.email, 'nobody.at.all@example.com', 'no address at all']) {
    t.equal(await slowHashes(() => signIn(email, 'wrong password')), 1, email)
    t.equal(await slowHashes(() => new Browser(app).signIn({ email }, 'wrong password')), 1, `${email} at the page`)
  }
})

t.test('a password is checked as it is: not trimmed, not cut, not folded', async t => {
  const password = 'Pässwörd with  blanks '.padEnd(100, 'x')
  const { email } = await services.users.create({ email: 'exact@example.com', name: 'Exact', password })
  for (const wrong of [
    password.slice(0, 72),
    `${password} `,
    password.toLowerCase(),
    password.normalize('NFKC').replace('ä', 'a'),
  ]) {
    t.equal((await signIn(email, wrong)).statusCode, 401)
  }
  t.equal((await signIn(email, password)).statusCode, 201)
})

t.test('a password is the same composed and decomposed', async t => {
  const composed = 'Pässwörd ñandú'
  for (const [i, stored] of [composed, composed.normalize('NFD')].entries()) {
    const { id, email } = await services.users.create({ email: `form${i}@example.com`, name: 'x', password: stored })
    for (const typed of [composed, composed.normalize('NFD')]) {
      t.equal((await signIn(email, typed)).statusCode, 201)
      t.equal((await new Browser(app).signIn({ email }, typed)).statusCode, 303)
      const me = requester(app, bearer((await signIn(email, typed)).json().token))
      const change = { current_password: typed, password: composed, password_confirmation: composed.normalize('NFD') }
      t.equal((await me.put('/api/user/password', change)).statusCode, 204)
    }
    t.ok(await services.users.find(id))
  }
})

t.test('a hash of what was typed to an earlier version goes on, and becomes one of the normal form', async t => {
  const typed = 'pa\u0308sswo\u0308rd of old'
  const hashes = async (id: string) =>
    (await services.db.query<{ password_hash: string }>('select password_hash from users where id = ?', [id]))[0]
  for (const form of [typed, typed.normalize('NFC')]) {
    const { id, email } = await newUser(services)
    const old = await hash(typed, { memoryCost: 8192, timeCost: 1 })
    await services.db.query('update users set password_hash = ? where id = ?', [old, id])
    t.equal((await signIn(email, 'a wrong pässwörd')).statusCode, 401)
    const browser = new Browser(app)
    t.equal((await browser.signIn({ email }, form)).statusCode, 303, 'the session begins')
    const stored = (await hashes(id))?.password_hash as string
    t.not(stored, old)
    t.ok(await verify(stored, typed.normalize('NFC')))
    t.equal((await browser.get('/account')).statusCode, 200, 'and lives')
    t.equal((await signIn(email, form)).statusCode, 201)
  }
})

t.test('beyond so many failures from one network, one attempt at a time is made after a delay', async t => {
  const { email } = await newUser(services)
  const counts = await tries(PER_USER + 5, () => signIn(email, 'wrong password'))
  t.strictSame(counts, { 401: PER_USER + 1, 429: 4 }, 'many at once cannot slip by')
  const both = await Promise.all([signIn(email, PASSWORD), signIn(email, PASSWORD)])
  const refused = both.find(({ statusCode }) => statusCode === 429)
  const seconds = Number(refused?.headers['retry-after'])
  t.ok(seconds > 0 && seconds <= 8 && Number.isInteger(seconds), String(seconds))
  t.match(refused?.json(), { type: 'urn:postern:error:too_many_attempts', detail: /Try again in \d+ seconds/ })
  t.equal(both.filter(({ statusCode }) => statusCode === 201).length, 1, 'the right password is let in')
  t.equal((await signIn(email, 'wrong password')).statusCode, 401, 'which forgets the failures before it')
})

t.test('nobody locks a user out from another network, in IPv4 and IPv6', async t => {
  for (const [attacker, neighbour, elsewhere] of [
    ['203.0.113.5', '203.0.113.200', '203.0.114.5'],
    ['2001:db8:0:1::5', '2001:db8:0:1:ffff::1', '2001:db8:0:2::5'],
  ] as const) {
    const { email } = await newUser(services, 'admin')
    const guess = (i: number) => signIn(email, 'wrong password', { remoteAddress: i % 2 ? attacker : neighbour })
    // Both IPv4 addresses take turns; the IPv6 ones count as one.
    const delayed = attacker.includes(':') ? 1 : 2
    t.strictSame(await tries(PER_USER + 3, guess), { 401: PER_USER + delayed, 429: 3 - delayed })
    t.equal((await signIn(email, PASSWORD, { remoteAddress: elsewhere })).statusCode, 201, elsewhere)
    const wrong = await tries(PER_USER, () => signIn(email, 'wrong password', { remoteAddress: elsewhere }))
    t.strictSame(wrong, { 401: PER_USER }, 'and has a count of its own')
  }
})

t.test('who keeps the network of a user busy does not keep the user out', async t => {
  const { email } = await newUser(services)
  const attack = (i: number) => signIn(email, 'wrong password', { remoteAddress: `203.0.113.${i % 2}` })
  const attacks = tries(PER_USER + 4, attack)
  const user = signIn(email, PASSWORD, { remoteAddress: '203.0.113.9' })
  t.equal((await user).statusCode, 201)
  t.equal((await attacks)[429], 2, 'each of their addresses waits once')
})

t.test('of a user who is attacked from many networks, each new network has fewer attempts', async t => {
  const { email } = await newUser(services)
  const from = (i: number) => ({ remoteAddress: `198.18.${Math.floor(i / 5)}.1` })
  t.strictSame(await tries(100, i => signIn(email, 'wrong password', from(i))), { 401: 100 })
  const wrong = await tries(6, () => signIn(email, 'wrong password', { remoteAddress: '198.19.1.1' }))
  t.strictSame(wrong, { 401: 3, 429: 3 }, 'two, and one after a delay')
  t.equal((await signIn(email, PASSWORD, { remoteAddress: '198.19.2.1' })).statusCode, 201, 'nobody is locked out')
})

t.test('a browser that signed in before is not delayed, nor refused for its address', async t => {
  const { app, services } = await testApp(t)
  const signIn = signInAt(app)
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const device = [...browser.cookies].find(([name]) => name.endsWith('-device')) as [string, string]
  const guess = (email: string) => signIn(email, 'wrong password', { remoteAddress: '127.0.0.1' })
  await tries(PER_USER + 1, () => guess(user.email))
  await tries(PER_ADDRESS + 1, i => guess(`nobody${i}@example.com`))
  t.equal((await new Browser(app).signIn(user)).statusCode, 429, 'an unknown browser is')

  const known = new Browser(app)
  known.cookies.set(...device)
  t.equal((await known.signIn(user)).statusCode, 303)
  const [name, value] = device
  for (const forged of [`${value.slice(0, -2)}AA`, value.replace(/\.\d+\./, '.9999999999.'), 'x', '']) {
    const browser = new Browser(app)
    browser.cookies.set(name, forged)
    t.equal((await browser.signIn(user)).statusCode, 429, forged)
  }
  const foreign = new Browser(app)
  foreign.cookies.set(...device)
  t.equal((await foreign.signIn(await newUser(services))).statusCode, 429, 'it is good for the user who signed in')

  const thief = async () => {
    const browser = new Browser(app)
    browser.cookies.set(...device)
    return browser.signIn(user, 'wrong password')
  }
  t.strictSame(await tries(PER_USER + 3, thief), { 401: PER_USER + 1, 429: 2 }, 'a stolen one guesses no more')
})

t.test('in such a browser the password is confirmed without a delay, too', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const guess = () => signIn(user.email, 'wrong password', { remoteAddress: '127.0.0.1' })
  await tries(PER_USER + 1, guess)
  const delayed = guess()
  const page = await browser.get('/account')
  const fields = { current_password: PASSWORD, password: 'another long passphrase' }
  const saved = await browser.submit(page, { ...fields, password_confirmation: fields.password }, /password$/)
  t.equal(saved.statusCode, 303, saved.body)
  await delayed
})

t.test('an operator forgets the failures of a user', async t => {
  const { email, id } = await newUser(services)
  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  await tries(PER_USER, () => signIn(email, 'wrong password'))
  const unlocked = await app.inject({ method: 'POST', url: `/admin/users/${id}/unlock`, headers })
  t.match(unlocked.json(), { data: { id } })
  t.strictSame(await tries(PER_USER, () => signIn(email, 'wrong password')), { 401: PER_USER })
  const trail = await services.auditLog.list({ kind: 'user.unlocked' }, { limit: 1 })
  t.match(trail, [{ userId: id }])
})

t.test('right passwords at once are no failures, however many', async t => {
  const { email } = await newUser(services)
  t.strictSame(await tries(50, () => signIn(email, PASSWORD)), { 201: 50 })
  const remoteAddress = '198.51.100.90'
  t.strictSame(await tries(60, () => signIn(email, PASSWORD, { remoteAddress })), { 201: 60 }, 'from one address')
  const me = requester(app, bearer((await signIn(email, PASSWORD)).json().token))
  const same = { current_password: PASSWORD, email }
  t.strictSame(await tries(15, () => me.put('/api/user', same)), { 200: 15 }, 'of whoever proves it again')
  t.strictSame(await tries(15, () => new Browser(app).signIn({ email })), { 303: 15 }, 'at the page')
  t.strictSame(
    await tries(50, () => signIn(email, 'wrong password')),
    { 401: PER_USER + 1, 429: 39 },
    'wrong ones still are',
  )
})

t.test('right ones among wrong ones forgive those before them, and give no further guess', async t => {
  const { email } = await newUser(services)
  await tries(PER_USER - 1, () => signIn(email, 'wrong password'))
  t.strictSame(await tries(12, () => signIn(email, PASSWORD)), { 201: 12 })
  const counts = await tries(PER_USER + 5, () => signIn(email, 'wrong password'))
  t.strictSame(counts, { 401: PER_USER + 1, 429: 4 })
})

t.test('an unknown user is delayed like a known one', async t => {
  const counts = await tries(PER_USER + 5, () => signIn('nobody.here@example.com', 'wrong password'))
  t.strictSame(counts, { 401: PER_USER + 1, 429: 4 })
})

t.test('every spelling of an address is one user', async t => {
  const { email } = await newUser(services, 'user', 'kelvin.smith@example.com')
  const spellings = [
    email.toUpperCase(),
    ` ${email}`,
    `${email}\t `,
    `\u3000${email}\u00A0`,
    email.replace('k', '\u212A'),
    email.replace('s', '\u017F'),
    email.replace('m', '\uFF4D'),
    email.replace('@', '\uFF20'),
  ]
  for (const spelling of spellings)
    t.equal((await signIn(spelling, PASSWORD)).statusCode, 201, JSON.stringify(spelling))
  const from = { remoteAddress: '203.0.113.77' }
  const guess = (i: number) => signIn(spellings[i % spellings.length] as string, 'wrong password', from)
  const counts = await tries(PER_USER + 6, guess)
  t.strictSame(counts, { 401: PER_USER + 1, 429: 5 })
  await t.rejects(
    services.users.create({ email: '\uFF2Belvin.SMITH@example.com', name: 'x', password: PASSWORD }),
    /taken/,
  )
})

t.test('success forgets the failures before it', async t => {
  const { email } = await newUser(services)
  for (let round = 0; round < 2; round++) {
    t.strictSame(await tries(PER_USER - 1, () => signIn(email, 'wrong password')), { 401: PER_USER - 1 })
    t.equal((await signIn(email, PASSWORD)).statusCode, 201)
  }
})

t.test('whoever holds a token guesses at the password no more often, and it counts at every door', async t => {
  const user = await newUser(services)
  const me = requester(app, bearer((await signIn(user.email, PASSWORD)).json().token))
  const wrong = { current_password: 'wrong password' }
  const counts = await tries(PER_USER + 4, i =>
    i % 2
      ? me.put('/api/user/password', { ...wrong, password: 'a new password' })
      : me.put('/api/user', { ...wrong, email: 'stolen@example.com' }),
  )
  t.strictSame(counts, { 422: PER_USER + 1, 429: 3 })
  const refused = await tries(2, () => signIn(user.email, 'wrong password', { remoteAddress: '127.0.0.1' }))
  t.strictSame(refused, { 401: 1, 429: 1 })
})

t.test('from one address so many, whatever it says of where it comes from', async t => {
  const from = (i: number) => ({ remoteAddress: '198.51.100.7', forwarded: `203.0.113.${i}, 10.0.0.${i}` })
  const counts = await tries(PER_ADDRESS + 3, i => signIn(`someone${i}@example.com`, 'wrong password', from(i)))
  t.strictSame(counts, { 401: PER_ADDRESS, 429: 3 })
  const refused = await signIn('another@example.com', 'wrong password', from(60))
  t.ok(Number(refused.headers['retry-after']) > 0)
  const elsewhere = await signIn('someone0@example.com', 'wrong password', { remoteAddress: '198.51.100.8' })
  t.equal(elsewhere.statusCode, 401)
})

t.test('behind a proxy the address is the one the proxy saw, and not one before it', async t => {
  const via = (i: number, last: string) => ({ remoteAddress: '10.0.0.1', forwarded: `203.0.113.${i}, ${last}` })
  const counts = await tries(PER_ADDRESS + 1, i =>
    signIn(`else${i}@example.com`, 'wrong password', via(i, '198.51.100.20')),
  )
  t.strictSame(counts, { 401: PER_ADDRESS, 429: 1 })
  t.equal((await signIn('else0@example.com', 'wrong password', via(1, '198.51.100.21'))).statusCode, 401)
})

t.test('whoever has one IPv6 address has its whole /64', async t => {
  const from = (i: number) => ({ remoteAddress: i % 2 ? `2001:db8:0:7:${i}::1` : `2001:0db8:0:7::${i}` })
  const counts = await tries(PER_ADDRESS + 1, i => signIn(`six${i}@example.com`, 'wrong password', from(i)))
  t.strictSame(counts, { 401: PER_ADDRESS, 429: 1 })
  const elsewhere = await signIn('six@example.com', 'wrong password', { remoteAddress: '2001:db8:0:8::1' })
  t.equal(elsewhere.statusCode, 401)
})

t.test('failures of one user are counted for an IPv6 /48, which one customer may have', async t => {
  const from = (i: number) => ({ remoteAddress: `2001:db8:9:${i}::1` })
  const guess = (i: number) => signIn('forty-eight@example.com', 'wrong password', from(i))
  t.strictSame(await tries(10, guess), { 401: 10 })
  const [one, other] = await Promise.all([guess(20), guess(20)])
  t.strictSame([one.statusCode, other.statusCode].sort(), [401, 429], 'one is delayed, the other refused')
})

import fc from 'fast-check'
import t from 'tap'
import { normalizeEmail } from '../../src/users/emails.ts'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** Domains in Unicode and in punycode, which is what Chromium makes of them. */

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const { plainText } = await services.tokens.issuePersonal({
  user: admin,
  name: 'admin',
  scopes: ['admin:read', 'admin:write'],
})
const operator = requester(app, bearer(plainText))
const signIn = (email: string) =>
  app.inject({ method: 'POST', url: '/api/tokens', payload: { email, password: PASSWORD, device_name: 'x' } })

const SPELLINGS = (name: string) => [
  `${name}@bücher.example`,
  `${name}@bu\u0308cher.example`,
  `${name}@xn--bcher-kva.example`,
  `${name}@XN--BCHER-KVA.example`,
  `${name}@BÜCHER。example`,
]

t.test('one account, however its domain is spelt', async t => {
  for (const [i, created] of SPELLINGS('x').entries()) {
    const name = `ada${i}`
    const email = created.replace('x', name)
    const answer = await operator.post('/admin/users', { email, name: 'Ada', password: PASSWORD })
    t.match(answer.json(), { data: { email: `${name}@bücher.example` } }, 'people read it in Unicode')
    // One of the others each: together they are all of them.
    const spelling = SPELLINGS(name)[(i + 2) % 5] as string
    t.equal((await signIn(spelling)).statusCode, 201, spelling)
    t.equal((await new Browser(app).signIn({ email: spelling })).statusCode, 303, spelling)
    const again = await operator.post('/admin/users', { email: spelling, name: 'Eve', password: PASSWORD })
    t.match(again.json(), { status: 422, errors: [{ path: 'email', message: 'is taken' }] }, spelling)
    const found = await operator.get(`/admin/users?email=${encodeURIComponent(spelling)}`)
    t.match(found.json(), { data: [{ email: `${name}@bücher.example` }] }, spelling)
  }
})

t.test('a local part in another normal form is the same one', async t => {
  await newUser(services, 'user', 'jose\u0301@example.com')
  t.equal((await signIn('josé@example.com')).statusCode, 201)
  await t.rejects(newUser(services, 'user', 'josé@example.com'), /taken/)
})

t.test('nobody moves to an address that is taken in another spelling', async t => {
  await newUser(services, 'user', 'taken@münchen.example')
  const other = await newUser(services)
  await t.rejects(services.users.update(other.id, { email: 'taken@xn--mnchen-3ya.example' }), /taken/)
  const own = await newUser(services, 'user', 'own@münchen.example')
  t.match(await services.users.update(own.id, { email: 'own@xn--mnchen-3ya.example' }), {
    email: 'own@münchen.example',
  })
})

t.test('what an earlier version stored is found, and taken', async t => {
  for (const [stored, other] of [
    ['old@xn--bcher-kva.example', 'old@bücher.example'],
    ['older@bücher.example', 'older@xn--bcher-kva.example'],
  ] as const) {
    const { id } = await newUser(services)
    await services.db.query('update users set email = ? where id = ?', [stored, id])
    for (const spelling of [stored, other]) {
      t.equal((await signIn(spelling)).statusCode, 201, `${spelling}, stored as ${stored}`)
      await t.rejects(newUser(services, 'user', spelling), /taken/)
    }
  }
})

t.test('whoever had two accounts keeps both', async t => {
  const [unicode, ascii] = [await newUser(services), await newUser(services)]
  await services.db.query('update users set email = ? where id = ?', ['two@bücher.example', unicode.id])
  await services.db.query('update users set email = ? where id = ?', ['two@xn--bcher-kva.example', ascii.id])
  t.equal((await signIn('two@bücher.example')).json().user.id, unicode.id)
  t.equal((await signIn('two@xn--bcher-kva.example')).json().user.id, ascii.id)
})

t.test('an address with characters that nobody can see is refused', async t => {
  for (const email of [
    'a\u200Bda@example.com',
    '\u3164@example.com',
    'a@ex\u202Eample.com',
    'a\u0007@example.com',
    'a@x y',
  ]) {
    const answer = await operator.post('/admin/users', { email, name: 'x', password: PASSWORD })
    t.match(answer.json(), { status: 422, errors: [{ path: 'email' }] }, JSON.stringify(email))
  }
})

t.test('one spelling of a spelling', async t => {
  const part = fc.string({ unit: 'grapheme', maxLength: 20 })
  fc.assert(
    fc.property(part, part, (local, domain) => {
      const once = normalizeEmail(`${local}@${domain}`)
      return normalizeEmail(once) === once
    }),
  )
  t.pass()
})

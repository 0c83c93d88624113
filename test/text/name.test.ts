import fc from 'fast-check'
import t from 'tap'
import { validateName } from '../../src/text/name.ts'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** Names that nobody can see, at every way in. */

const NOTHING = {
  'zero width spaces': '\u200B\u200B',
  'a joiner': '\u200D',
  'the blank of Braille': '\u2800',
  'blanks of Braille and others': ' \u2800\u3000\u2800',
  'fillers of Hangul': '\u3164',
  'other fillers of Hangul': '\u115F\u1160',
  'a filler of half width': '\uFFA0',
  'marks without a letter': '\u0301\u0301',
  'letters as tags': '\u{E0041}\u{E0042}',
  'a variation selector': '\uFE0F',
  'a soft hyphen': '\u00AD',
  'a musical null': '\u{1D159}',
}
const PARTLY = {
  'an override': 'invoice\u202Efdp.exe',
  'an isolate': '\u2066admin\u2069',
  'a mark of direction': 'ad\u200Fmin',
  'a zero width space': 'ad\u200Bmin',
  'a word joiner': 'ad\u2060min',
  'a joiner between Latin letters': 'ad\u200Dmin',
  'a variation selector after a letter': 'a\uFE0Fdmin',
  'a tag after a letter': 'admin\u{E0061}',
  'a control character': 'ad\u0007min',
  'a line break': 'admin\nroot',
  'a line separator': 'admin\u2028root',
  'a filler inside': 'ad\u3164min',
}
const FINE = [
  'Ada Lovelace',
  'محمد بن موسى الخوارزمي',
  'מרדכי כהן',
  'می\u200Cخواهم',
  'क्\u200Dष और क्\u200Cष',
  'ന\u0D4D\u200D',
  '李\u{E0100}小龙',
  '👩\u200D💻 laptop',
  '👨\u200D👩\u200D👧\u200D👦',
  '❤\uFE0F',
  '🏳\uFE0F\u200D🌈',
  '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}',
  '1\uFE0F\u20E3',
  '👍🏽',
  '⠁⠙⠁\u2800⠇',
  '김민준',
  'Z\u0308',
  '.',
]

const INITIAL = 'an initial access token of 32 characters or more'
const { app, services } = await testApp(t, { initialAccessToken: INITIAL, dcr: 'token' })
const user = await newUser(services)
const admin = await newUser(services, 'admin')
const { plainText } = await services.tokens.issuePersonal({ user: admin, name: 'admin', scopes: ['*', 'admin:write'] })
const operator = requester(app, bearer(plainText))
const browser = new Browser(app)
await browser.signIn(user)

const credentials = () => ({ email: user.email, password: PASSWORD })
const people = { redirect_uris: ['https://viewer.example.com/callback'], token_endpoint_auth_method: 'none' }

/** Each way in, and where it says that the name is wrong. */
const WAYS: Record<string, [path: string, send: (name: string) => Promise<{ statusCode: number; json(): unknown }>]> = {
  'a token of the API': ['name', name => operator.post('/api/tokens', { name, scopes: [] })],
  'a token by password': [
    'device_name',
    device_name => app.inject({ method: 'POST', url: '/api/tokens', payload: { ...credentials(), device_name } }),
  ],
  'a user': [
    'name',
    name => operator.post('/admin/users', { name, email: `${crypto.randomUUID()}@example.com`, password: PASSWORD }),
  ],
  'a changed user': ['name', name => operator.put('/api/user', { name })],
  'an app': ['name', name => operator.post('/api/clients', { name, ...people })],
}

for (const [what, [path, send]] of Object.entries(WAYS)) {
  t.test(`${what} has a name that people can see`, async t => {
    for (const [why, name] of Object.entries({ ...NOTHING, ...PARTLY })) {
      const answer = await send(name)
      t.equal(answer.statusCode, 422, why)
      t.match(answer.json(), { errors: [{ path, message: /visible|1 to 255/ }] }, why)
    }
    t.match((await send('👩\u200D💻 می\u200Cخواهم')).statusCode, /20[01]/)
  })
}

t.test('an app that registers itself has one too', async t => {
  for (const name of ['\u2800', 'ad\u202Emin']) {
    const payload = { ...people, client_name: name }
    const answer = await app.inject({ method: 'POST', url: '/oauth/register', headers: bearer(INITIAL), payload })
    t.equal(answer.statusCode, 400)
    t.match(answer.json(), { error: 'invalid_client_metadata', error_description: /client_name must/ })
  }
})

t.test('the pages say so beside the form', async t => {
  const page = await browser.get('/account')
  const answer = await browser.submit(page, { name: 'a\u3164', email: user.email }, /account$/)
  t.equal(answer.statusCode, 400)
  t.match(answer.body, 'remove U+3164')
  t.equal((await browser.submit(await browser.get('/tokens/new'), { name: '\u2800' }, /tokens$/)).statusCode, 400)
})

t.test('names of every script are kept', async t => {
  for (const name of FINE) t.equal(validateName(name), name.normalize('NFC'), name)
  t.equal(validateName('e\u0301'.repeat(255)), 'é'.repeat(255), 'characters are counted as they are stored')
  t.equal(validateName('🔑'.repeat(255)), '🔑'.repeat(255))
  t.throws(() => validateName('é'.repeat(256)), /1 to 255/)
  t.equal((await operator.post('/api/tokens', { name: 'e\u0301'.repeat(255), scopes: [] })).statusCode, 201)
})

const kept = (name: string) => {
  try {
    return validateName(name)
  } catch {
    return undefined
  }
}
const hidden = fc.constantFrom(
  ...'\u200B\u2060\u202A\u202E\u2066\u2069\u00AD\u3164\u115F\uFFA0\uFFF9\u0007',
  '\u{E0041}',
)

t.test('whatever the rest is', async t => {
  const unicode = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(fc.property(unicode, name => kept(name) === undefined || kept(kept(name) as string) === kept(name)))
  fc.assert(
    fc.property(
      unicode,
      hidden,
      unicode,
      (before, between, after) => kept(`x${before}${between}${after}x`) === undefined,
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(hidden, fc.constantFrom(' ', '\u2800', '\u0301'))), all => !kept(all.join(''))),
  )
  const letters = fc.string({ unit: fc.constantFrom(...'azéßçжλ漢字한ひمنעב1.-'), minLength: 1, maxLength: 40 })
  fc.assert(fc.property(letters, name => kept(name) === name.normalize('NFC')))
  t.pass()
})

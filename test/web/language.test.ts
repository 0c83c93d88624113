import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'

const { app, services } = await testApp(t)
const german = { 'accept-language': 'de-AT,de;q=0.9,en;q=0.5' }
const LANGUAGE = /language$/
const langOf = ({ body }: { body: string }) => /<html lang="(\w+)"/.exec(body)?.[1]

t.test('a page is in the language that the browser prefers', async t => {
  const browser = new Browser(app)
  const page = await browser.get('/login', german)
  t.equal(langOf(page), 'de')
  t.match(page.body, /<h1>Anmelden<\/h1>/)
  t.match(page.headers, { 'content-language': 'de', vary: /accept-language/, 'cache-control': 'no-store' })
  for (const accepted of ['en', 'fr', '*', 'fr, en;q=0.5, de;q=0.1', ';;;', '']) {
    t.equal(langOf(await browser.get('/login', { 'accept-language': accepted })), 'en', accepted)
  }
})

t.test('errors are in the language of the browser, also those before a page is reached', async t => {
  const browser = new Browser(app)
  t.match((await browser.get('/nothing', { ...german, accept: 'text/html' })).body, 'Seite nicht gefunden')
  const headers = { ...german, 'content-type': 'application/x-www-form-urlencoded' }
  const broken = await app.inject({ method: 'POST', url: '/login', headers, payload: 'a=1&a=2&%zz' })
  t.equal(langOf(broken), 'de')
  const wrong = await browser.post('/login', {}, german)
  t.match(wrong.body, 'Dieses Formular ist abgelaufen')
  const problem = await app.inject({ url: '/api/user', headers: german })
  t.match(problem.json().detail, /token/i, 'the API stays English')
})

t.test('who is not signed in chooses a language for the browser', async t => {
  const browser = new Browser(app)
  const page = await browser.get('/login?next=%2Fdevice')
  const { fields } = formOf(page.body, LANGUAGE)
  t.equal(fields.next, '/login?next=%2Fdevice')
  const chosen = await browser.submit(page, { next: fields.next, language: 'de' }, LANGUAGE)
  t.equal(chosen.headers.location, '/login?next=%2Fdevice')
  t.equal(langOf(await browser.get('/login')), 'de')
  t.equal(langOf(await browser.get('/login', { 'accept-language': 'en' })), 'de', 'the choice comes first')
})

t.test('the choice of an account holds in every browser, until it is taken back', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const account = await browser.get('/account')
  t.equal(langOf(account), 'en')
  await browser.submit(account, { language: 'de', next: '/account' }, LANGUAGE)
  const other = new Browser(app)
  await other.signIn(user)
  const page = await other.get('/account')
  t.equal(langOf(page), 'de')
  t.match(page.body, /<option value="de" lang="de" selected>Deutsch/)
  await other.submit(page, { language: '', next: '/account' }, LANGUAGE)
  t.equal(langOf(await other.get('/account')), 'en')
  t.equal((await services.users.find(user.id)).language, null)
})

t.test('a choice needs the token of its form, and goes nowhere else', async t => {
  const browser = new Browser(app)
  const page = await browser.get('/login')
  t.equal((await browser.submit(page, { language: 'de', _csrf: 'x' }, LANGUAGE)).statusCode, 403)
  for (const next of ['https://elsewhere.example/', '//elsewhere.example', '/\\elsewhere.example']) {
    t.equal((await browser.submit(page, { language: 'de', next }, LANGUAGE)).headers.location, '/tokens')
  }
  await browser.submit(page, { language: 'xx"><script>', next: '/login' }, LANGUAGE)
  t.equal(langOf(await browser.get('/login')), 'en', 'an unknown language is none')
})

t.test('validation messages are translated', async t => {
  const browser = new Browser(app)
  const { email } = await newUser(services)
  await browser.signIn({ email })
  const account = await browser.get('/account', german)
  const submit = { name: ' ', email }
  const refused = await browser.post('/account', { ...formOf(account.body, /account$/).fields, ...submit }, german)
  t.match(refused.body, 'Name muss 1 bis 255 Zeichen lang sein')
})

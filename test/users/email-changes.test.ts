import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { requester } from '../helpers/requester.ts'

/** Without mail, the response to a change of the own address shows whether somebody else has it. */

const PER_DAY = 5

t.test('a user tries few addresses a day, by the API and the page together', async t => {
  const { app, services } = await testApp(t)
  const taken = await newUser(services)
  const { user, headers } = await actingAs(services)
  const change = (email: string) => requester(app, headers).put('/api/user', { email, current_password: PASSWORD })
  for (let i = 0; i < PER_DAY; i++) t.equal((await change(taken.email)).statusCode, 422)
  const refused = await change('free@example.com')
  t.equal(refused.statusCode, 429, 'a free one and a taken one alike')
  t.equal((await change(taken.email)).statusCode, 429)
  t.ok(Number(refused.headers['retry-after']) > 3_600)
  t.match(refused.json(), { type: 'urn:postern:error:too_many_requests', detail: /e-mail address changes/ })
  const browser = new Browser(app)
  await browser.signIn(user)
  const page = await browser.get('/account')
  const onPage = { name: 'Ada', email: 'free@example.com', current_password: PASSWORD }
  t.equal((await browser.submit(page, onPage, /account$/)).statusCode, 429)
  const renamed = await browser.submit(page, { ...onPage, email: user.email }, /account$/)
  t.equal(renamed.statusCode, 303, 'the name may be changed')
  const another = await actingAs(services)
  const free = { email: 'free@example.com', current_password: PASSWORD }
  t.equal((await requester(app, another.headers).put('/api/user', free)).statusCode, 200)
})

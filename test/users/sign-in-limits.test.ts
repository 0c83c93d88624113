import t from 'tap'
import type { User } from '../../src/users/user.entity.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'
import { withApp, wrongCode } from '../helpers/factors.ts'

/** Codes of the second factor, tried by somebody who knows the password and has cookies of many known browsers. */

const { app, services } = await testApp(t)

/** A sign-in that waits for the code, and a guess from a browser in which the user signed in before. */
async function guesser(user: User, secret: Buffer) {
  const browser = new Browser(app)
  await browser.signIn(user)
  const { action, fields } = formOf((await browser.get('/login/second-step')).body, /second-step$/)
  const [name] = [...browser.cookies.keys()].filter(cookie => cookie.endsWith('-second-step'))
  const known = String(name).replace(/second-step$/, 'device')
  return (device = services.deviceCookies.issue(user.email as string)) => {
    browser.cookies.set(known, device)
    return browser.post(action, { ...fields, code: wrongCode(secret) })
  }
}

t.test('a user has 300 wrong codes in a day, in however many known browsers', async t => {
  const user = await newUser(services)
  const { secret } = await withApp(services, user)
  const guess = await guesser(user, secret)
  const statuses: number[] = []
  for (let i = 0; i < 300; i += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => guess()))
    statuses.push(...answers.map(({ statusCode }) => statusCode))
  }
  t.same(new Set(statuses), new Set([401]))
  const refused = await guess()
  t.equal(refused.statusCode, 429)
  t.ok(Number(refused.headers['retry-after']) > 0)
  const other = await newUser(services)
  const theirs = await withApp(services, other)
  t.equal((await (await guesser(other, theirs.secret))()).statusCode, 401, 'which concerns nobody else')
})

t.test('a cookie from before the first factor is none of a known browser', async t => {
  const user = await newUser(services)
  const { secret } = await withApp(services, user)
  await services.db.query(`update authenticator_apps set created_at = created_at + interval '1 minute'`)
  const guess = await guesser(user, secret)
  for (let i = 0; i < 10; i++) t.equal((await guess()).statusCode, 401)
  const more = await Promise.all([guess(), guess()])
  t.equal(more.filter(({ statusCode }) => statusCode === 429).length, 1, 'they count by network')
})

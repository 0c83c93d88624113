import t from 'tap'
import { newUser, testApp } from '../../helpers/app.ts'
import { Browser, formOf } from '../../helpers/browser.ts'
import { grantAccess, opens, refresh } from '../../helpers/granted-tokens.ts'

const XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

const { app, services } = await testApp(t)
const person = async () => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  return { user, browser }
}

t.test('users see the apps they authorized, the scopes, and the last use', async t => {
  const { user, browser } = await person()
  t.match((await browser.get('/apps')).body, 'You have not authorized any apps')
  const builder = await newUser(services)
  await services.users.update(builder.id, { name: `Mary ${XSS}` })
  const granted = await grantAccess(services, user, {
    name: `Order viewer ${XSS}`,
    userId: builder.id,
    scopes: ['orders:read', 'reports'],
  })
  const fresh = await browser.get('/apps')
  t.match(fresh.body, 'Read orders <code>orders:read</code>')
  t.match(fresh.body, 'See reports')
  t.match(fresh.body, 'Mary')
  t.notMatch(fresh.body, builder.email, 'which nobody has confirmed')
  t.match(fresh.body, /never used/)
  t.notMatch(fresh.body.replaceAll(/"[^"]*"/g, '""'), /<script>|<img|<[^>]* (on\w+|style)=/)
  await opens(app, granted.accessToken)
  t.match((await browser.get('/apps')).body, /last used\s+<time [^>]*>just now/, 'before it is written')
  await services.usage.flush()
  t.match((await browser.get('/apps')).body, /last used\s+<time [^>]*>just now/, 'and after')
  await grantAccess(services, user, { name: 'Of the services' })
  t.match((await browser.get('/apps')).body, 'added by the operator of <bdi>localhost:3000</bdi>')
})

t.test('revoking access asks for confirmation, with the name of the app', async t => {
  const { user, browser } = await person()
  const granted = await grantAccess(services, user, { name: 'Calendar' })
  const kept = await grantAccess(services, user, { name: 'Other' })
  const question = await browser.get(`/apps/${granted.client.id}/withdraw`)
  t.match(question.body, /Revoke access for <bdi>Calendar<\/bdi>\?/)
  t.equal(await opens(app, granted.accessToken), 200)
  t.equal((await browser.submit(question, {}, /withdraw$/)).statusCode, 303)
  t.equal(await opens(app, granted.accessToken), 401)
  t.equal((await refresh(app, granted)).statusCode, 400)
  t.equal(await opens(app, kept.accessToken), 200)
  const page = await browser.get('/apps')
  t.match(page.body, '<bdi>Calendar</bdi> no longer has access.')
  t.notMatch(page.body, `/apps/${granted.client.id}/`)
  t.equal((await browser.submit(question, {}, /withdraw$/)).statusCode, 404, 'once')
})

t.test('users cannot revoke access for other users', async t => {
  const { user } = await person()
  const granted = await grantAccess(services, user, { name: 'Calendar' })
  const { browser } = await person()
  const url = `/apps/${granted.client.id}/withdraw`
  const { fields } = formOf((await browser.get('/apps/own/new')).body, /own$/)
  t.equal((await browser.get(url)).statusCode, 404)
  t.equal((await browser.post(url, fields)).statusCode, 404)
  t.equal((await browser.get('/apps/x/withdraw')).statusCode, 404)
  t.equal((await browser.post('/apps/x/withdraw', fields)).statusCode, 404)
  t.equal(await opens(app, granted.accessToken), 200)
})

t.test('revoking access requires the CSRF token and a session', async t => {
  const { user, browser } = await person()
  const { client, accessToken } = await grantAccess(services, user)
  const { browser: other } = await person()
  const { fields: theirs } = formOf((await other.get('/apps/own/new')).body, /own$/)
  const url = `/apps/${client.id}/withdraw`
  for (const fields of [{}, { _csrf: 'x' }, theirs]) t.equal((await browser.post(url, fields)).statusCode, 403)
  t.equal((await new Browser(app).post(url, theirs)).statusCode, 401)
  for (const page of ['/apps', url]) t.equal((await new Browser(app).get(page)).statusCode, 303)
  t.equal(await opens(app, accessToken), 200)
})

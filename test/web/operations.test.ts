import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'
import { refusesForgery } from '../helpers/forms.ts'
import { ended, leaveOperation } from '../helpers/operation.ts'

const { app, services } = await testApp(t)
const CANCEL = /\/operations\/[^/]*\/cancel$/

t.test('the page shows how far an operation is, and stops it', async t => {
  const { operation, user } = await leaveOperation(services)
  const [browser, other] = [new Browser(app), new Browser(app)]
  await browser.signIn(user)
  const stranger = await newUser(services)
  await other.signIn(stranger)
  const path = `/operations/${operation.id}`
  const page = await browser.get(path)
  t.equal(page.statusCode, 200)
  t.match(page.body, '1,000 of about 2,502 tokens revoked')
  t.match(page.body, /<progress max="2502" value="1000"/)
  t.match(page.body, 'In progress')
  t.equal((await other.get(path)).statusCode, 404)
  t.equal(
    (await other.post(`${path}/cancel`, formOf((await other.get('/tokens')).body, /logout$/).fields)).statusCode,
    404,
  )
  await refusesForgery(t, { browser, other }, page, {}, CANCEL)
  t.equal((await services.operations.find(operation.id))?.status, 'running')

  const form = formOf(page.body, CANCEL)
  t.equal((await browser.post(form.action, form.fields)).statusCode, 303)
  const stopped = (await browser.get(path)).body
  t.match(stopped, /Stopped\. <bdi>1,000<\/bdi> tokens were revoked\./)
  t.notMatch(stopped, CANCEL, 'nothing is left to stop')
  const again = await browser.post(form.action, form.fields)
  t.equal(again.statusCode, 409)
})

t.test('administrators see the operations of others, and what they came to', async t => {
  const { operation } = await leaveOperation(services)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  t.equal((await browser.get(`/operations/${operation.id}`)).statusCode, 200)
  const runner = services.operations.start()
  await ended(services, operation.id)
  await runner.close()
  const page = (await browser.get(`/operations/${operation.id}`)).body
  t.match(page, '2,502 tokens revoked')
  t.match(page, 'Done')
  t.notMatch(page, '<progress')
  t.match(page, /data-live="no"/)
})

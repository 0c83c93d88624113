import t, { type Test } from 'tap'
import { newUser, testServices } from '../helpers/app.ts'
import { mailSettings, openMailServer } from '../helpers/mail.ts'
import { freePort } from '../helpers/port.ts'

type Services = Awaited<ReturnType<typeof testServices>>

async function open(t: Test, settings: { smtpUrl: string; mailFrom: string }) {
  const problems: string[] = []
  let noticed = Promise.withResolvers<string>()
  const note = (_: object, message: string) => {
    problems.push(message)
    noticed.resolve(message)
    noticed = Promise.withResolvers()
  }
  const services = await testServices(t, { ...settings, log: { warn: note, error: note } })
  return { services, problems, nextProblem: () => noticed.promise }
}

const stored = async ({ db }: Services) =>
  (await db.query<{ attempts: number }>('select attempts from mail_outbox')).map(({ attempts }) => attempts)
/** Lets the next attempt begin now. */
const hurry = ({ db }: Services) => db.query('update mail_outbox set next_attempt_at = now()')

t.test('a mail that the server delays is sent again, and not lost', async t => {
  let refusals = 2
  const server = await openMailServer(t, {
    onRcptTo(_address, _session, callback) {
      callback(refusals-- > 0 ? Object.assign(new Error('try later'), { responseCode: 451 }) : null)
    },
  })
  const { services, nextProblem } = await open(t, mailSettings(server))
  const user = await newUser(services)
  await services.users.setPassword(user.id, 'battery staple horse')
  services.listen()
  for (let i = 0; i < 2; i++) {
    t.match(await nextProblem(), /could not send a mail; it is tried again/)
    while ((await stored(services)).length !== 1);
    await hurry(services)
  }
  t.equal((await server.take(user.email)).subject, 'Your password for localhost:3000 was changed')
})

t.test('a mail that the server rejects is given up, and the others are sent', async t => {
  const server = await openMailServer(t, {
    onRcptTo({ address }, _session, callback) {
      callback(address === 'gone@example.com' ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null)
    },
  })
  const { services, problems } = await open(t, mailSettings(server))
  const gone = await newUser(services, 'user', 'gone@example.com')
  const user = await newUser(services)
  for (const { id } of [gone, user]) await services.users.setPassword(id, 'battery staple horse')
  services.listen()
  await server.take(user.email)
  t.same(problems, ['the mail server rejected a mail'])
})

t.test('a server that is away or drops the connection delays nobody, and no mail is lost', async t => {
  const port = await freePort()
  const { services, nextProblem } = await open(t, { smtpUrl: `smtp://127.0.0.1:${port}`, mailFrom: 'x@example.com' })
  const user = await newUser(services)
  services.listen()
  await services.users.setPassword(user.id, 'battery staple horse')
  t.match(await nextProblem(), /could not send a mail/)
  await services.accountMail.requestReset(user.email)
  t.equal((await stored(services)).length, 2)
})

t.test('a mail that was being sent when its node died is sent by another', async t => {
  const server = await openMailServer(t)
  const { services } = await open(t, mailSettings(server))
  const user = await newUser(services)
  await services.users.setPassword(user.id, 'battery staple horse')
  // The state that a killed node leaves: an attempt has begun.
  await services.db.query(`update mail_outbox set attempts = 1, next_attempt_at = now() + interval '2 minutes'`)
  services.listen()
  await hurry(services)
  const mail = await server.take(user.email)
  t.match(mail.messageId, /^<[\w-]{36}@localhost>$/)
})

t.test('a mail is written with the change that it reports, or not at all', async t => {
  const server = await openMailServer(t)
  const { services } = await open(t, mailSettings(server))
  const [user, other] = [await newUser(services), await newUser(services)]
  await t.rejects(services.users.update(user.id, { email: other.email, password: 'battery staple horse' }))
  t.same(await stored(services), [])
})

t.test('what a name contains stays text', async t => {
  const server = await openMailServer(t)
  const { services } = await open(t, mailSettings(server))
  const user = await newUser(services)
  await services.users.update(user.id, { name: '<b>{site}</b> & "Co"' })
  await services.users.setPassword(user.id, 'battery staple horse')
  services.listen()
  const mail = await server.take(user.email)
  t.match(mail.text, 'Hello <b>{site}</b> & "Co",')
  t.match(mail.html, 'Hello &lt;b&gt;{site}&lt;/b&gt; &amp; &quot;Co&quot;,')
})

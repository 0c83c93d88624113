import t from 'tap'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t)

t.test('a client that does not authenticate is written down, once a minute for an address', async t => {
  const { client, secret } = await services.clients.create({ name: 'Orders' })
  const ask = (given: string | undefined, id = client.id) =>
    form(app, '/oauth/introspect', { token: 'x' }, { ...basic(id, given), 'user-agent': 'x'.repeat(1_000) })
  t.equal((await ask(secret)).statusCode, 200)
  for (let i = 0; i < 3; i++) t.equal((await ask('wrong')).statusCode, 401)
  t.equal((await ask('wrong', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10')).statusCode, 401)
  const trail = () => services.auditLog.list({ kind: 'client.authentication_failed' }, { limit: 10 })
  while ((await trail()).length === 0) await new Promise(setImmediate)
  const [event, ...more] = await trail()
  t.match(event, { clientId: client.id, address: '127.0.0.1' })
  t.equal(event?.details.user_agent, 'x'.repeat(255), 'bounded')
  t.notMatch(JSON.stringify(event?.details), 'wrong')
  t.same(more, [])
})

t.test('so are sign-ins with a password at the API', async t => {
  const user = await newUser(services)
  const signIn = (password: string) =>
    app.inject({
      method: 'POST',
      url: '/api/tokens',
      headers: { 'user-agent': 'curl/8' },
      payload: { email: user.email, password, device_name: 'x' },
    })
  t.equal((await signIn(PASSWORD)).statusCode, 201)
  t.equal((await signIn('wrong')).statusCode, 401)
  for (const [kind, details] of [
    ['sign_in.succeeded', { way: 'api', user_agent: 'curl/8' }],
    ['sign_in.failed', { user_agent: 'curl/8' }],
  ] as const) {
    const [event, ...more] = await services.auditLog.list({ kind, userId: user.id }, { limit: 5 })
    t.match(event, { details })
    t.same(more, [])
  }
})

import t from 'tap'
import { actingAs, PASSWORD, testApp } from '../helpers/app.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)

t.test('passwords that are tried first are refused, on every way to a new one', async t => {
  const { user, headers } = await actingAs(services)
  const [local] = user.email.split('@')
  const guesses = [
    'password',
    'PassWord',
    'p\uff41ssword',
    'pass word',
    'trustno1',
    '1234567890',
    '        ',
    '\u00a0\u3000 \u200b    ',
    user.email,
    user.email.toUpperCase(),
    user.name,
    'lovelace.example',
  ]
  for (const password of guesses) {
    const person = { email: `${local}.lovelace@lovelace.example`, name: 'Ada Lovelace', password }
    const values = password.includes('@') ? { ...person, email: user.email } : person
    await t.rejects(services.users.create(values), { status: 422, message: /password/ }, JSON.stringify(password))
  }
  for (const password of ['password', user.email]) {
    const change = { current_password: PASSWORD, password }
    const answer = await requester(app, headers).put('/api/user/password', change)
    t.match(answer.json(), { status: 422, errors: [{ path: 'password' }] })
    await t.rejects(services.users.update(user.id, { password }), { status: 422, message: /password/ }, password)
  }
  await t.resolves(services.users.setPassword(user.id, 'correct horse staple'), 'others are not')
})

import t from 'tap'
import { testApp } from '../helpers/app.ts'

t.test('the address of the server alone leads to the pages', async t => {
  const { app } = await testApp(t)
  const answer = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.strictSame([answer.statusCode, answer.headers.location], [302, '/tokens'])
  const next = await app.inject({ url: '/tokens' })
  t.match(next.headers.location, /^\/login\?next=%2Ftokens$/, 'and who is not signed in signs in')
})

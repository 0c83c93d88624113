import t from 'tap'
import { testApp } from '../helpers/app.ts'
import { form } from '../helpers/oauth.ts'

const { app } = await testApp(t)
const ask = (id: string | undefined, url = '/api/user') =>
  app.inject({ url, headers: { ...(id !== undefined && { 'x-request-id': id }) } })

t.test('a request keeps the id that it is sent with, in the response and in a problem', async t => {
  for (const id of ['4bf92f3577b34da6a3ce929d0e0e4736', 'build_42.retry-1', 'x'.repeat(128)]) {
    const refused = await ask(id)
    t.equal(refused.headers['x-request-id'], id)
    t.equal(refused.json().request_id, id)
  }
})

t.test('a request without an id, or with one that is none, gets one of its own', async t => {
  const ids = new Set<unknown>()
  for (const id of [undefined, '', 'x'.repeat(129), 'two words', 'a"b', '<b>', 'a,b', 'ä', '../x']) {
    const refused = await ask(id)
    t.match(refused.headers['x-request-id'], /^[\da-f-]{36}$/, id ?? 'none')
    t.notOk('request_id' in refused.json(), 'refusals that must not differ stay equal')
    ids.add(refused.headers['x-request-id'])
  }
  t.equal(ids.size, 9)
})

t.test('every kind of response has it', async t => {
  for (const url of [
    '/health/live',
    '/login',
    '/nowhere',
    '/%ff',
    '/.well-known/jwks.json',
    '/docs/json',
    '/assets/none.css',
  ])
    t.equal((await ask('abc', url)).headers['x-request-id'], 'abc', url)
  const protocol = await form(app, '/oauth/token', { grant_type: 'none' })
  t.match(protocol.headers['x-request-id'], /^[\da-f-]{36}$/)
  t.strictSame(Object.keys(protocol.json()).sort(), ['error', 'error_description'], 'as the protocol defines it')
})

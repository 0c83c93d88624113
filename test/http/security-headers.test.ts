import Fastify from 'fastify'
import t from 'tap'
import { testApp } from '../helpers/app.ts'
import { embedded } from '../helpers/embedding.ts'

const HTTPS = 'https://id.example.com'
const NAME = 'strict-transport-security'

t.test('HSTS is for an https issuer, and for its host alone unless it is set', async t => {
  const policies = {
    host: 'max-age=31536000',
    subdomains: 'max-age=31536000; includeSubDomains',
    preload: 'max-age=63072000; includeSubDomains; preload',
    off: undefined,
  } as const
  for (const [hsts, policy] of Object.entries(policies)) {
    const { app } = await testApp(t, { issuer: HTTPS, hsts: hsts as keyof typeof policies })
    for (const url of ['/health/live', '/sign-in', '/nowhere'])
      t.equal((await app.inject(url)).headers[NAME], policy, url)
  }
  const { app } = await testApp(t)
  const answer = await app.inject('/health/live')
  t.notOk(NAME in answer.headers, 'not for an http issuer')
  t.equal(answer.headers['x-frame-options'], 'SAMEORIGIN', 'the other headers are there')
})

t.test('never where a trusted proxy says that the browser came without TLS', async t => {
  const { app } = await testApp(t, { issuer: HTTPS, trustProxy: '127.0.0.1' })
  const by = async (proto: string) =>
    (await app.inject({ url: '/scopes', headers: { 'x-forwarded-proto': proto } })).headers
  t.notOk(NAME in (await by('http')))
  t.equal((await by('https'))[NAME], 'max-age=31536000')
})

t.test('inside another application the host is not ours to speak for', async t => {
  const postern = await embedded(t, { issuer: `${HTTPS}/auth` })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(postern.plugin, { prefix: '/auth' })
  const { headers } = await app.inject('/auth/scopes')
  t.notOk(NAME in headers)
  t.equal(headers['x-frame-options'], 'SAMEORIGIN')
})

import t from 'tap'
import { testApp } from '../helpers/app.ts'
import { form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t)

t.test('a limited request says what is left, and a refused one when to come back', async t => {
  const { client } = await services.clients.create({
    name: 'television',
    public: true,
    grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'],
  })
  const begin = () => form(app, '/oauth/device_authorization', { client_id: client.id })
  const first = await begin()
  t.equal(first.statusCode, 200, first.body)
  t.equal(first.headers['ratelimit-policy'], '"requests";q=300;w=900')
  t.match(first.headers.ratelimit, /^"requests";r=299;t=(900|899)$/)
  t.match((await begin()).headers.ratelimit, /^"requests";r=298;/)
  for (let n = 2; n < 300; n++) await begin()
  const refused = await begin()
  t.equal(refused.statusCode, 429)
  t.equal(refused.headers.ratelimit, `"requests";r=0;t=${refused.headers['retry-after']}`)
})

t.test('a request that no limit counts says nothing of it', async t => {
  const { headers } = await app.inject('/scopes')
  t.notOk('ratelimit' in headers)
})

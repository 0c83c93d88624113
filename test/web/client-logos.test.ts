import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { openLogoHost, png } from '../helpers/logo-host.ts'

const { app, services } = await testApp(t, { fetchLoopback: true })
const NOTHING = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const get = (id: string, headers = {}) => app.inject({ url: `/logos/${id}`, headers })

async function newClient(logo?: string) {
  const { client } = await services.clients.create({
    name: 'Calendar',
    userId: (await newUser(services)).id,
    redirectUris: ['https://calendar.example/cb'],
    ...(logo !== undefined && { metadata: { logo_uri: logo } }),
  })
  return client.id
}
const verify = async (id: string) => services.verifications.verify(id, await services.verifications.preview(id))

t.test('the logo of a verified app is sent as an image and as nothing else', async t => {
  const host = await openLogoHost(t)
  const id = await newClient(host.url)
  t.equal((await get(id)).statusCode, 404, 'nobody has verified it')
  await verify(id)
  const sent = host.logo
  host.logo = png('another one')
  const answer = await get(id)
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.rawPayload, sent, 'the copy, not what its host sends now')
  t.match(answer.headers, {
    'content-type': 'image/png',
    'cache-control': 'public, max-age=86400',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  })
  t.notOk(answer.headers['set-cookie'])
})

t.test('a browser that has the logo is not sent it again', async t => {
  const host = await openLogoHost(t)
  const id = await newClient(host.url)
  await verify(id)
  const { etag = '' } = (await get(id)).headers
  t.match(etag, /^"[\w-]{22}"$/)
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const same = await get(id, { 'if-none-match': known })
    t.equal(same.statusCode, 304, known)
    t.equal(same.body, '')
    t.match(same.headers, { etag, 'cache-control': 'public, max-age=86400' })
  }
  t.equal((await get(id, { 'if-none-match': '"other"' })).statusCode, 200)
  host.logo = png('another one')
  await verify(id)
  const changed = await get(id, { 'if-none-match': etag })
  t.equal(changed.statusCode, 200)
  t.not(changed.headers.etag, etag)
})

t.test('there is no logo of an app without one, that changed, or is no longer verified', async t => {
  const host = await openLogoHost(t)
  const bare = await newClient()
  await verify(bare)
  t.equal((await get(bare)).statusCode, 404)
  const changed = await newClient(host.url)
  await verify(changed)
  await services.clients.update(changed, { name: 'Your bank' })
  t.equal((await get(changed)).statusCode, 404, 'it is not what was verified')
  const withdrawn = await newClient(host.url)
  await verify(withdrawn)
  const { etag = '' } = (await get(withdrawn)).headers
  await services.verifications.withdraw(withdrawn)
  t.equal((await get(withdrawn)).statusCode, 404)
  t.equal((await get(withdrawn, { 'if-none-match': etag })).statusCode, 404, 'not even what a browser has')
  for (const id of [NOTHING, 'x', '%00', '..%2f..%2fetc%2fpasswd'])
    t.ok([400, 404, 422].includes((await get(id)).statusCode), id)
})

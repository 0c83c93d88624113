import { hash } from 'node:crypto'
import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { openLogoHost, png } from '../helpers/logo-host.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t, { fetchLoopback: true })
const NOTHING = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
const me = requester(app, admin.headers)
const reader = requester(app, (await actingAs(services, ['admin:read'], { role: 'admin' })).headers)
const urlOf = (id: string) => `/admin/clients/${id}/verification`
const redirectUris = ['https://calendar.example/cb']

async function newClient(logo?: string) {
  const metadata = logo === undefined ? {} : { metadata: { logo_uri: logo } }
  const owner = await newUser(services)
  const { client } = await services.clients.create({ name: 'Calendar', userId: owner.id, redirectUris, ...metadata })
  return client.id
}

const looked = async (id: string) => {
  const answer = await me.get(`${urlOf(id)}/preview`)
  t.equal(answer.statusCode, 200, answer.body)
  const { print, logo_sha256 } = answer.json().data
  return { print, logo_sha256 }
}
const isVerified = async (id: string) => (await reader.get(urlOf(id))).statusCode === 200
const auditOf = async (clientId: string) =>
  (await services.auditLog.list({ clientId }, { limit: 20 }))
    .map(({ kind }) => kind)
    .filter(kind => /verified/.test(kind))

t.test('an app without a logo is previewed, verified and no longer verified', async t => {
  const id = await newClient()
  t.equal((await reader.get(urlOf(id))).statusCode, 404, 'nobody has verified it')
  const preview = (await me.get(`${urlOf(id)}/preview`)).json().data
  t.match(preview, { client: { id, name: 'Calendar', redirect_uris: redirectUris }, logo: null, logo_sha256: null })
  t.match(preview.print, /^[0-9a-f]{64}$/)
  t.notOk(await isVerified(id), 'looking verifies nothing')
  t.strictSame(await auditOf(id), [])

  const { print } = preview
  const verified = await me.put(urlOf(id), { print, logo_sha256: null })
  t.equal(verified.statusCode, 200, verified.body)
  t.match(verified.json().data, { verified_at: /Z$/, logo: false, print, logo_sha256: null })
  t.strictSame((await reader.get(urlOf(id))).json(), verified.json())
  t.strictSame(await auditOf(id), ['client.verified'])

  t.equal((await me.delete(urlOf(id))).statusCode, 204)
  t.notOk(await isVerified(id))
  t.equal((await me.delete(urlOf(id))).statusCode, 204, 'sent again it is the same')
  t.strictSame(await auditOf(id), ['client.unverified', 'client.verified'], 'and not recorded again')
})

t.test('a logo is fetched, shown and stored as it was looked at', async t => {
  const host = await openLogoHost(t)
  const id = await newClient(host.url)
  const preview = (await me.get(`${urlOf(id)}/preview`)).json().data
  t.equal(preview.logo, `data:image/png;base64,${host.logo.toString('base64')}`)
  t.equal(preview.logo_sha256, hash('sha256', host.logo))
  const before = await looked(id)
  host.logo = png('your bank')
  t.equal((await me.put(urlOf(id), before)).statusCode, 409, 'another logo was not looked at')
  t.equal((await me.put(urlOf(id), { ...before, logo_sha256: null })).statusCode, 409, 'nor none')
  t.notOk(await isVerified(id))
  const now = await looked(id)
  t.match((await me.put(urlOf(id), now)).json().data, { logo: true, ...now })
  host.logo = png('something else')
  t.match((await reader.get(urlOf(id))).json().data, now, 'a copy is what was verified')
})

t.test('a logo that cannot be shown is not verified', async t => {
  const host = await openLogoHost(t)
  const id = await newClient(host.url)
  const good = await looked(id)
  const refused = async (message: RegExp) => {
    for (const answer of [await me.get(`${urlOf(id)}/preview`), await me.put(urlOf(id), good)]) {
      t.equal(answer.statusCode, 422, answer.body)
      const { errors } = answer.json()
      t.match(errors, [{ path: 'logo_uri', message }])
    }
    t.notOk(await isVerified(id))
  }
  host.status = 404
  await refused(/cannot be fetched/)
  host.status = 200
  host.type = 'text/html'
  await refused(/cannot be fetched/)
  host.type = 'image/png'
  host.logo = Buffer.from('<svg onload="alert(1)"/>'.padEnd(64))
  await refused(/must be a PNG/)
  host.logo = png('wide', 1025, 10)
  await refused(/at most 1024 by 1024/)
  host.logo = png('flat', 64, 0)
  await refused(/must be a PNG/)
  host.logo = png('large'.repeat(3_000))
  await refused(/cannot be fetched/)
})

t.test('another print is refused, and a request that says too little or too much', async t => {
  const id = await newClient()
  const { print } = await looked(id)
  const other = await looked(await newClient())
  t.not(other.print, print, 'another owner is another app')
  t.equal((await me.put(urlOf(id), { print: other.print, logo_sha256: null })).statusCode, 409)
  t.equal((await me.put(urlOf(id), { print, logo_sha256: print })).statusCode, 409, 'it has no logo')
  for (const body of [
    {},
    { print },
    { logo_sha256: null },
    { print: print.toUpperCase(), logo_sha256: null },
    { print: `${print}0`, logo_sha256: null },
    { print: null, logo_sha256: null },
    { print, logo_sha256: '' },
    { print, logo_sha256: null, verified_at: '2030-01-01T00:00:00Z' },
  ])
    t.equal((await me.put(urlOf(id), body)).statusCode, 422, JSON.stringify(body))
  await services.clients.update(id, { redirectUris: ['https://bank.example/cb'] })
  t.equal((await me.put(urlOf(id), { print, logo_sha256: null })).statusCode, 409, 'it has changed since')
  t.notOk(await isVerified(id))
  t.strictSame(await auditOf(id), [])
})

t.test('an app that is gone or revoked is not verified', async t => {
  const id = await newClient()
  const seen = await looked(id)
  await services.clients.revoke(id)
  t.equal((await me.get(`${urlOf(id)}/preview`)).statusCode, 409)
  t.equal((await me.put(urlOf(id), seen)).statusCode, 409)
  t.notOk(await isVerified(id))
  for (const missing of [NOTHING, 'x', `${id}0`]) {
    t.equal((await me.get(urlOf(missing))).statusCode, 404, missing)
    t.equal((await me.get(`${urlOf(missing)}/preview`)).statusCode, 404)
    t.equal((await me.put(urlOf(missing), seen)).statusCode, 404)
    t.equal((await me.delete(urlOf(missing))).statusCode, 404)
  }
})

t.test('only administrators verify, and a token that may read only reads', async t => {
  const id = await newClient()
  const seen = await looked(id)
  t.equal((await me.put(urlOf(id), seen)).statusCode, 200)
  const person = requester(app, (await actingAs(services, ['clients:read', 'clients:write'])).headers)
  const statuses = async (who: ReturnType<typeof requester>) => [
    (await who.get(urlOf(id))).statusCode,
    (await who.get(`${urlOf(id)}/preview`)).statusCode,
    (await who.put(urlOf(id), seen)).statusCode,
    (await who.delete(urlOf(id))).statusCode,
  ]
  t.strictSame(await statuses(reader), [200, 403, 403, 403])
  t.strictSame(await statuses(person), [403, 403, 403, 403])
  t.strictSame(await statuses(requester(app)), [401, 401, 401, 401])
  t.ok(await isVerified(id), 'nothing was withdrawn')
})

import Fastify from 'fastify'
import { checkScopes, guard, tokenOf } from 'postern/guard'
import t from 'tap'
import { listeningIssuer } from '../helpers/issuer.ts'
import { launchSidecar, until } from '../helpers/sidecar.ts'

const { issuer, services } = await listeningIssuer(t)
const { client, secret } = await services.clients.create({ name: 'Orders API', audience: 'https://orders.example' })
const remote = { issuer, audience: 'https://orders.example', clientId: client.id, clientSecret: secret as string }
const sidecar = await launchSidecar(t, remote)

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const check = (token: string) => fetch(`${sidecar.url}/check?scopes=orders:read`, { headers: bearer(token) })
const issue = (subject: string, format: 'jwt' | 'opaque') =>
  services.ownTokens.issue(subject, { name: 'ci', scopes: ['orders:read'], format })

t.test('guards in other processes name the user of the application', async t => {
  const api = Fastify()
  await api.register(guard, remote)
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ of: tokenOf(request).userId }))
  t.teardown(() => api.close())
  for (const subject of ['42', 'ä/1', client.id.toUpperCase()]) {
    for (const format of ['jwt', 'opaque'] as const) {
      const { token } = await issue(subject, format)
      t.match((await api.inject({ url: '/orders', headers: bearer(token) })).json(), { of: subject }, format)
      t.equal((await check(token)).headers.get('x-auth-user'), encodeURI(subject))
    }
  }
})

t.test('the token of a machine is nobody’s', async t => {
  const job = await services.clients.create({
    name: 'Job',
    grantTypes: ['client_credentials'],
    scopes: ['orders:read'],
  })
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders:read' })
  const authorization = `Basic ${btoa(`${job.client.id}:${job.secret}`)}`
  const answer = await fetch(`${issuer}/oauth/token`, { method: 'POST', body, headers: { authorization } })
  const { access_token } = (await answer.json()) as { access_token: string }
  const checked = await check(access_token)
  t.equal(checked.status, 200)
  t.equal(checked.headers.get('x-auth-user'), '')
  await t.rejects(issue(job.client.id, 'jwt'), { status: 409, message: /an app or a user of this server/ })
})

t.test('a disabled user is refused there as well', async t => {
  const tokens = [await issue('50', 'jwt'), await issue('50', 'opaque')]
  for (const { token } of tokens) t.equal((await check(token)).headers.get('x-auth-user'), '50')
  await services.ownUsers.disable('50')
  for (const { token } of tokens)
    await until(
      () => check(token),
      ({ status }) => status === 401,
    )
  await services.ownUsers.enable('50')
  for (const { token } of tokens)
    await until(
      () => check(token),
      ({ status }) => status < 300,
    )
})

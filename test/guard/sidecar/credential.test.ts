import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })

const encoded = (text: string) => Buffer.from(text).toString('base64')
const password = (text: string, user = 'ada') => ({ authorization: `Basic ${encoded(`${user}:${text}`)}` })
const CHALLENGE = 'Basic realm="postern", charset="UTF-8"'

for (const basic of ['on', 'only']) {
  t.test(`BASIC=${basic} takes the token as a password`, async t => {
    const { url } = await launchSidecar(t, issuer.guard, { env: { BASIC: basic } })
    const check = (headers: Record<string, string>) => fetch(`${url}/check?scopes=orders:read`, { headers })
    for (const user of ['ada', '', 'x-access-token', 'José']) {
      const good = await check(password(token, user))
      t.equal(good.status, 200, user)
      t.equal(good.headers.get('x-auth-user'), 'ada', 'the name of the request counts for nothing')
    }
    t.equal((await check({ authorization: `basic  ${encoded(`a:${token}`)}` })).status, 200, 'the scheme in lower case')
    t.equal((await check(bearer(token))).status, 200, 'Bearer too')
    const without = [
      'Basic',
      'Basic ',
      `Basic ${encoded('ada')}`,
      `Basic ${encoded('ada:')}`,
      `Basic ${encoded(`${token}:`)}`,
    ]
    const wrong = [`Basic ${encoded('ada:wrong')}`, 'Basic !!!', `Digest ${token}`, `Basic ${token}`]
    for (const authorization of [...without, ...wrong])
      t.equal((await check({ authorization })).status, 401, authorization)
  })
}

t.test('the 401 names the schemes, each in a field of its own', async t => {
  const challenges = async (basic: string) => {
    const { url } = await launchSidecar(t, issuer.guard, { env: { BASIC: basic } })
    const { headers } = await fetch(`${url}/check?scopes=orders:read`)
    return headers.get('www-authenticate')
  }
  t.match(await challenges('on'), /^Bearer realm="postern".*, Basic realm="postern", charset="UTF-8"$/)
  t.equal(await challenges('only'), CHALLENGE)
  t.notMatch(await challenges('off'), /Basic/)
})

t.test('a 403 names Bearer, which says what is missing', async t => {
  const { url } = await launchSidecar(t, issuer.guard, { env: { BASIC: 'on' } })
  const lacking = await fetch(`${url}/check?scopes=reports`, { headers: password(token) })
  t.equal(lacking.status, 403)
  t.match(lacking.headers.get('www-authenticate'), /^Bearer .*insufficient_scope/)
})

t.test('the password of Basic must be the only credential', async t => {
  const { url } = await launchSidecar(t, issuer.guard, { env: { BASIC: 'on' } })
  const { hostname, port } = new URL(url)
  const first = ['x', 'xx', 'xxx'].map(user => password(token, user).authorization).find(text => text.endsWith('='))
  const headers = (...values: string[]) => values.flatMap(value => ['Authorization', value])
  async function check(...values: string[]): Promise<number | undefined> {
    const sent = request({
      host: hostname,
      port,
      path: '/check?scopes=orders:read',
      headers: ['Host', hostname, ...headers(...values)],
    })
    const [response] = (await once(sent.end(), 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode
  }
  t.equal(await check(`${first}`), 200)
  t.equal(await check(`${first}`, 'Bearer evil'), 401, 'a second header')
  for (const more of [', Bearer evil', '===', 'AAAA', '!', ' AAAA']) t.equal(await check(`${first}${more}`), 401, more)
})

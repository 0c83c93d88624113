import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const { url } = await launchSidecar(t, issuer.guard)
const check = async (text: string) => fetch(`${url}/check?token=any`, { headers: bearer(text) })

t.test('what a header cannot carry is escaped, and every id keeps its own text', async t => {
  const ids = {
    'ada\r\nX-Auth-User: root': 'ada%0D%0AX-Auth-User:%20root',
    'ada%0D%0A': 'ada%250D%250A',
    'ada lovelace': 'ada%20lovelace',
    José: 'Jos%C3%A9',
    𝒜: '%F0%9D%92%9C',
    'a\u0000b': 'a%00b',
    'https://id.example.com/clients/7?x=1&y=2#z': 'https://id.example.com/clients/7?x=1&y=2#z',
  }
  for (const [id, header] of Object.entries(ids)) {
    const { status, headers } = await check(await issuer.token({ user: id, client: `c${id}`, scopes: [`s:${id}`] }))
    t.equal(status, 200, id)
    t.equal(headers.get('x-auth-user'), header)
    t.equal(headers.get('x-auth-client'), `c${header}`)
    t.equal(decodeURIComponent(String(headers.get('x-auth-user'))), id)
  }
})

t.test('an id that is not Unicode is refused', async t => {
  t.equal((await check(await issuer.token({ user: 'a\ud800' }))).status, 401)
})

t.test('a scope cannot add another one', async t => {
  const { headers } = await check(await issuer.token({ scopes: ['a\tadmin:write', 'b'] }))
  t.equal(headers.get('x-auth-scopes'), 'a%09admin:write b')
})

import t from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { actingAs } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { testNodes } from '../helpers/nodes.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** Every exchanged token is revoked with the token that it was exchanged for, so their number has a limit. */

const LIMIT = 5
const [first, second] = await testNodes(t, { exchangedTokensPerUser: LIMIT })
const { app, services } = first
const exchange = (token: string, headers = {}, node = app) => form(node, '/oauth/token', exchangeOf(token), headers)
const codes = (answers: { statusCode: number }[]) => answers.map(({ statusCode }) => statusCode).sort()

t.test('a user has so many live exchanged tokens, however many at once and on whatever node', async t => {
  const { token, user, headers } = await actingAs(services, ['tokens:write', 'orders:read'])
  const sibling = await actingAs(services, ['orders:read'], { user })
  const answers = await Promise.all(
    Array.from({ length: LIMIT + 3 }, (_, i) => exchange(i % 2 ? token : sibling.token, {}, i % 3 ? app : second.app)),
  )
  t.strictSame(codes(answers), [...Array(LIMIT).fill(200), 429, 429, 429])
  const refused = await exchange(token)
  t.match(refused.json(), {
    error: 'quota_reached',
    error_description: /has 5 live exchanged tokens, and 5 is the limit.*EXCHANGED_TOKENS_PER_USER/,
  })
  const seconds = Number(refused.headers['retry-after'])
  t.ok(seconds > 3_000 && seconds <= 3_600, 'when the first of them expires')
  const registered = await services.clients.create({ name: 'gateway', grantTypes: [TOKEN_EXCHANGE] })
  const byClient = await exchange(token, basic(registered.client.id, registered.secret))
  t.equal(byClient.statusCode, 429, 'a client counts too')

  const another = await actingAs(services, ['orders:read'])
  t.equal((await exchange(another.token)).statusCode, 200, 'another user has a quota of their own')

  const { access_token } = answers.find(({ statusCode }) => statusCode === 200)?.json() ?? {}
  await requester(app, bearer(access_token)).delete('/api/tokens/current')
  t.equal((await exchange(token)).statusCode, 200, 'in the place of one that was revoked')
  t.equal((await exchange(token)).statusCode, 429)
  const [child] = await services.db.query<{ id: string }>(
    'select id from oauth_access_tokens where user_id = ? and parent_id is not null and not revoked limit 1',
    [user.id],
  )
  await expire(services.db, 'oauth_access_tokens', 'id = ? returning id', [child?.id])
  t.equal((await exchange(token)).statusCode, 200, 'and of one that expired')
  t.equal((await requester(app, headers).get('/api/tokens/current')).json().data.issued_tokens > 0, true)
})

t.test('a machine has no user: its token has the limit', async t => {
  const { client, secret } = await services.clients.create({
    name: 'machine',
    grantTypes: ['client_credentials', TOKEN_EXCHANGE],
  })
  const headers = basic(client.id, secret)
  const tokenOf = async () =>
    (await form(app, '/oauth/token', { grant_type: 'client_credentials' }, headers)).json().access_token
  const token = await tokenOf()
  const answers = await Promise.all(Array.from({ length: LIMIT + 2 }, () => exchange(token, headers)))
  t.strictSame(codes(answers), [...Array(LIMIT).fill(200), 429, 429])
  t.equal((await exchange(await tokenOf(), headers)).statusCode, 200)
})

import t from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { actingAs } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'
import { form } from '../helpers/oauth.ts'

const ROUNDS = 5
const TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const [one, other] = await testNodes(t)

t.test('exchanging beside revoking: no child lives, nor its row', async t => {
  for (let round = 0; round < ROUNDS; round++) {
    const { user, id, token } = await actingAs(one.services, ['orders:read'])
    const params = { grant_type: TOKEN_EXCHANGE, subject_token: token, subject_token_type: TYPE }
    const trades = Array.from({ length: 10 }, (_, i) => form((i % 2 ? one : other).app, '/oauth/token', params))
    const [answers] = await Promise.all([Promise.all(trades), one.services.tokens.revoke(user.id, id)])
    for (const answer of answers) {
      if (answer.statusCode === 200) t.equal(await opens(other.app, answer.json().access_token), 401)
      else t.match(answer.json(), { error: 'invalid_request' })
    }
    const [row] = await one.services.db.query<{ alive: number }>(
      'select count(*)::int as alive from oauth_access_tokens where parent_id = ? and not revoked',
      [id],
    )
    t.equal(row?.alive, 0)
  }
})

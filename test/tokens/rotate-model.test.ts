import fc from 'fast-check'
import t from 'tap'
import type { User } from '../../src/users/user.entity.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { expect, one, pick, runHistories, type Step } from '../helpers/history.ts'
import { bearer, requester } from '../helpers/requester.ts'

/**
 * Random histories of rotations with and without overlap, of rotations that are sent again, of uses and revocations,
 * beside a model of a few lines: a token has one living successor at most, and a retry keeps the lifetime of the first.
 */

const { app, services } = await testApp(t)
const OVERLAP = 3_600

interface Known {
  id: string
  text: string
  alive: boolean
  /** The server knows that somebody has it. */
  seen: boolean
  expiresAt: string
  successor?: Known
}
interface World {
  user: User
  tokens: Known[]
}

const rotate = fc.tuple(one, fc.constantFrom(0, OVERLAP, OVERLAP)).map(
  ([which, overlap]): Step<World> =>
    async ({ tokens }) => {
      const token = pick(tokens, which)
      const answer = await requester(app, bearer(token.text)).post('/api/tokens/current/rotate', { overlap })
      if (!token.alive) return void expect(answer.statusCode, 401)
      token.seen = true
      const lost = token.successor
      if (lost && (lost.seen || !lost.alive)) return void expect(answer.statusCode, 409)
      expect(answer.statusCode, 201)
      const { token: text, data } = answer.json()
      if (lost) expect(data.expires_at, lost.expiresAt)
      if (lost) lost.alive = false
      const successor = { id: data.id, text, alive: true, seen: false, expiresAt: data.expires_at }
      Object.assign(token, { successor, alive: overlap > 0 })
      tokens.push(successor)
    },
)

const use = one.map(
  (which): Step<World> =>
    async ({ tokens }) => {
      const token = pick(tokens, which)
      const { statusCode } = await requester(app, bearer(token.text)).get('/api/tokens/current')
      expect(statusCode, token.alive ? 200 : 401)
      if (token.alive) token.seen = true
    },
)

const revoke = one.map(
  (which): Step<World> =>
    async ({ tokens, user }) => {
      const token = pick(tokens, which)
      await services.tokens.revoke(user.id, token.id)
      end(token)
    },
)

/** A living token takes its successor along. */
function end(token: Known): void {
  if (!token.alive) return
  token.alive = false
  if (token.successor) end(token.successor)
}

async function begin(): Promise<World> {
  const user = await newUser(services)
  const expiresAt = new Date(Date.now() + 30 * 86_400_000)
  const { plainText: text, token } = await services.tokens.issuePersonal({
    user,
    name: 'deploy',
    scopes: ['tokens:rotate'],
    expiresAt,
  })
  const first = { id: token.id, text, alive: true, seen: false, expiresAt: token.expiresAt.toISOString() }
  return { user, tokens: [first] }
}

/** Without using any token: a use is what tells a lost successor from one that arrived. */
async function check({ user, tokens }: World): Promise<void> {
  const living = (await services.tokens.list(user.id, { limit: 100 })).map(({ id }) => id)
  const alive = tokens.filter(token => token.alive).map(({ id }) => id)
  expect(living.sort().join(), alive.sort().join())
  const [replaced] = await services.db.query<{ most: number }>(
    `select coalesce(max(living), 0)::int as most from (select count(*) filter (where not t.revoked) as living
      from oauth_access_tokens t
      join audit_events e on e.token_id = t.id and e.kind = 'token.issued' and e.details->>'replaces' is not null
      where t.user_id = ? group by e.details->>'replaces') successors`,
    [user.id],
  )
  expect((replaced?.most ?? 0) <= 1, true)
}

t.test('whatever happens, a token has one living successor, which lives as long as the first was to', t =>
  runHistories<World>(t, { steps: fc.oneof({ arbitrary: rotate, weight: 3 }, use, revoke), begin, check }),
)

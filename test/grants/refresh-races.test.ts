import t from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { type Held, letIn, opens, refresh } from '../helpers/family.ts'
import { testNodes } from '../helpers/nodes.ts'
import { form } from '../helpers/oauth.ts'

const ROUNDS = 5
const [one, other] = await testNodes(t)
const node = (i: number) => (i % 2 === 0 ? one : other)

t.test('twenty at once on two servers: one gets a pair, the others kill it', async t => {
  const user = await newUser(one.house)
  for (let round = 0; round < ROUNDS; round++) {
    const held = await letIn(one.house, user)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => refresh(node(i).app, held)))
    const won = answers.filter(a => a.statusCode === 200)
    t.equal(won.length, 1)
    const lost = answers.filter(a => a.statusCode === 400 && a.json().error === 'invalid_grant')
    t.equal(lost.length, 19)
    const { access_token: accessToken, refresh_token: refreshToken } = won[0]?.json() ?? {}
    t.equal(await opens(other.app, accessToken), 401)
    t.equal((await refresh(other.app, { ...held, refreshToken })).statusCode, 400)
  }
})

t.test('refresh beside revoke: nothing lives', async t => {
  const { user, headers } = await actingAs(one.house, ['clients:write'])
  const ends: Record<string, (held: Held) => Promise<unknown>> = {
    grant: ({ grant }) => one.house.changes.transaction((em, tell) => one.house.refresh.revokeGrant(em, tell, grant)),
    'refresh token': held => form(one.app, '/oauth/revoke', { token: held.refreshToken }, held.headers),
    'access token': held => form(one.app, '/oauth/revoke', { token: held.accessToken }, held.headers),
    'what the user let the client do': ({ client }) =>
      one.app.inject({ method: 'DELETE', url: `/api/authorizations/${client.id}`, headers }),
    client: ({ client }) => one.house.clients.revoke(client.id),
    'all of the user': () => one.house.signOut(user.id),
  }
  for (const [what, end] of Object.entries(ends)) {
    for (let round = 0; round < ROUNDS; round++) {
      const held = await letIn(one.house, user)
      const [first] = await Promise.all([refresh(other.app, held), end(held), refresh(one.app, held)])
      const { rows } = await living(held.grant)
      // The tokens of a revoked client need no mark of their own.
      if (what !== 'client') t.equal(rows, 0, `${what}: no access token, no refresh token`)
      if (first.statusCode !== 200) continue
      t.equal(await opens(other.app, first.json().access_token), 401)
      const again = await refresh(one.app, { ...held, refreshToken: first.json().refresh_token })
      t.equal(again.statusCode, what === 'client' ? 401 : 400, what)
    }
  }
})

async function living(grant: string): Promise<{ rows: number }> {
  const [row] = await one.house.db.query<{ rows: number }>(
    `select (select count(*) from oauth_access_tokens where grant_id = ? and not revoked)::int
       + (select count(*) from oauth_refresh_tokens where grant_id = ? and not revoked)::int as rows`,
    [grant, grant],
  )
  return row ?? { rows: Number.NaN }
}

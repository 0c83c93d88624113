import t from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { type GrantedTokens, grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'
import { form } from '../helpers/oauth.ts'

const ROUNDS = 5
const [one, other] = await testNodes(t)
const node = (i: number) => (i % 2 === 0 ? one : other)

t.test('twenty at once on two servers: one gets a pair, the others kill it', async t => {
  const user = await newUser(one.services)
  for (let round = 0; round < ROUNDS; round++) {
    const granted = await grantAccess(one.services, user)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => refresh(node(i).app, granted)))
    const won = answers.filter(a => a.statusCode === 200)
    t.equal(won.length, 1)
    const lost = answers.filter(a => a.statusCode === 400 && a.json().error === 'invalid_grant')
    t.equal(lost.length, 19)
    const { access_token: accessToken, refresh_token: refreshToken } = won[0]?.json() ?? {}
    t.equal(await opens(other.app, accessToken), 401)
    t.equal((await refresh(other.app, { ...granted, refreshToken })).statusCode, 400)
  }
})

t.test('refresh beside revoke: nothing lives', async t => {
  const { user, headers } = await actingAs(one.services, ['clients:write'])
  const ends: Record<string, (granted: GrantedTokens) => Promise<unknown>> = {
    grant: ({ grant }) => one.services.bus.transaction((em, tell) => one.services.refresh.revokeGrant(em, tell, grant)),
    'refresh token': granted => form(one.app, '/oauth/revoke', { token: granted.refreshToken }, granted.headers),
    'access token': granted => form(one.app, '/oauth/revoke', { token: granted.accessToken }, granted.headers),
    'what the user let the client do': ({ client }) =>
      one.app.inject({ method: 'DELETE', url: `/api/authorizations/${client.id}`, headers }),
    client: ({ client }) => one.services.clients.revoke(client.id),
    'all of the user': () => one.services.signOut(user.id),
  }
  for (const [what, end] of Object.entries(ends)) {
    for (let round = 0; round < ROUNDS; round++) {
      const granted = await grantAccess(one.services, user)
      const [first] = await Promise.all([refresh(other.app, granted), end(granted), refresh(one.app, granted)])
      const { rows } = await living(granted.grant)
      // The tokens of a revoked client need no mark of their own.
      if (what !== 'client') t.equal(rows, 0, `${what}: no access token, no refresh token`)
      if (first.statusCode !== 200) continue
      t.equal(await opens(other.app, first.json().access_token), 401)
      const again = await refresh(one.app, { ...granted, refreshToken: first.json().refresh_token })
      t.equal(again.statusCode, what === 'client' ? 401 : 400, what)
    }
  }
})

async function living(grant: string): Promise<{ rows: number }> {
  const [row] = await one.services.db.query<{ rows: number }>(
    `select (select count(*) from oauth_access_tokens where grant_id = ? and not revoked)::int
       + (select count(*) from oauth_refresh_tokens where grant_id = ? and not revoked)::int as rows`,
    [grant, grant],
  )
  return row ?? { rows: Number.NaN }
}

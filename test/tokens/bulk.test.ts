import t from 'tap'
import type { Step, WorkState } from '../../src/database/run-batches.ts'
import { revokeGrants } from '../../src/grants/revoke-grants.ts'
import type { Services } from '../../src/services.ts'
import { type RevokeManyOptions, revokeNextTokens } from '../../src/tokens/revoke-many.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { grantAccess, grantAgain, opens, refresh } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'

const MANY = 2_500

t.test('more tokens than can be revoked in time are revoked by calling again, and nothing is said twice', async t => {
  const { app, services } = await testApp(t)
  const { user, id } = await actingAs(services, ['orders:read'])
  const other = await actingAs(services, ['orders:read'])
  await t.rejects(services.tokenAdmin.revoke({ scope: undefined }), { message: /at least one condition/ })
  t.same(await services.tokenAdmin.revoke({ scope: '' }), { count: 0, complete: true }, 'an empty one is one')
  await copyToken(services, id, MANY)
  const first = await services.tokenAdmin.revoke({ userId: user.id }, { timeoutMs: 0 })
  t.strictSame(first, { count: 1_000, complete: false })
  t.equal(
    await services.tokenAdmin.count({ userId: user.id }),
    MANY + 1 - first.count,
    'what it said is done, and no more',
  )

  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  const payload = { user_id: user.id }
  const rest = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
  t.equal(rest.statusCode, 200)
  t.strictSame(rest.json(), { data: { count: MANY + 1 - 1_000, dry_run: false } })
  const again = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
  t.strictSame(again.json(), { data: { count: 0, dry_run: false } })
  t.equal(await services.tokenAdmin.count({ userId: other.user.id }), 1, 'nobody else’s')
})

t.test('each of two who revoke at once says what it revoked itself', async t => {
  const { app, services } = await testApp(t)
  const user = await newUser(services)
  const tokens = await Promise.all(Array.from({ length: 40 }, () => actingAs(services, ['orders:read'], { user })))
  const exchanged = await form(app, '/oauth/token', exchangeOf(tokens[0]?.token as string))
  t.equal(exchanged.statusCode, 200)
  const both = await Promise.all([0, 1].map(() => services.tokenAdmin.revoke({ userId: user.id })))
  t.equal(
    both.reduce((sum, { count }) => sum + count, 0),
    41,
    'with the one that was exchanged, which is the user’s too',
  )
  const { id } = await actingAs(services, ['orders:read'], { user })
  const { client } = await services.clients.create({ name: 'gateway' })
  await services.db.query('update oauth_access_tokens set client_id = ?, parent_id = ? where id = ?', [
    client.id,
    id,
    tokens[1]?.id,
  ])
  await services.db.query('update oauth_access_tokens set revoked = false where id = ?', [tokens[1]?.id])
  const personal = (await services.clients.personalAccess()).id
  t.strictSame(await services.tokenAdmin.revoke({ userId: user.id, clientId: personal }), { count: 1, complete: true })
  t.equal(
    await services.tokenAdmin.count({ userId: user.id }),
    0,
    'what is exchanged for it goes with it, and was not selected',
  )
})

type Em = Parameters<typeof revokeNextTokens>[0]
type Publish = Parameters<typeof revokeNextTokens>[1]

/** Revokes by batches of one token each. @param between what happens after the first batch */
async function revokeByOne(
  { bus }: Services,
  next: (em: Em, publish: Publish, options: RevokeManyOptions) => Promise<Step>,
  between: () => Promise<unknown>,
): Promise<void> {
  const step = (state: WorkState) => bus.transaction((em, publish) => next(em, publish, { state, size: 1 }))
  let done = await step({})
  await between()
  while (!done.last) done = await step(done.state)
}

t.test('what is issued between two batches does not outlive them', async t => {
  const { app, services } = await testApp(t)
  const user = await newUser(services)
  const calendar = await grantAccess(services, user)
  const where = { client: calendar.client.id }
  let later = ''
  await revokeByOne(
    services,
    (em, publish, options) => revokeNextTokens(em, publish, where, options),
    async () => {
      later = (await refresh(app, calendar)).json().access_token
      t.equal(await opens(app, later), 200)
    },
  )
  t.equal(await opens(app, later), 401, 'by a refresh token')

  const backup = await grantAccess(services, user, { name: 'backup' })
  const selector = { user: user.id, client: backup.client.id }
  await revokeByOne(
    services,
    (em, publish, options) => revokeGrants(em, publish, selector, options),
    async () => {
      later = (await grantAgain(services, user, backup.client)).accessToken
      t.equal(await opens(app, later), 200)
    },
  )
  t.equal(await opens(app, later), 401, 'by an approval while the consent is withdrawn')
})

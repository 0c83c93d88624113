import { randomUUID } from 'node:crypto'
import type { Services } from '../../src/services.ts'

/** What a user can own besides tokens: an app, a trust, a consent, a service account. */
export async function withPossessions({ clients, trusts, serviceAccounts, db }: Services, user: string) {
  const { client } = await clients.create({ name: 'App', userId: user, redirectUris: ['https://app.example/cb'] })
  const match = { repository: 'acme/shop' }
  const trust = await trusts.create({
    issuer: 'https://token.example.com',
    userId: user,
    scopes: ['orders:read'],
    match,
  })
  const account = await serviceAccounts.create({ name: 'Deployments', maintainers: [user] })
  await db.query(
    `insert into oauth_consents (id, user_id, client_id, scopes, created_at, updated_at) values (?, ?, ?, '[]', now(), now())`,
    [randomUUID(), user, client.id],
  )
  return { client, trust, account }
}

/** What a user owns, by the names of its tables. */
export async function possessionsOf({ db }: Services, user: string): Promise<string[]> {
  const tables = ['oauth_clients', 'oauth_trusts', 'oauth_consents', 'service_account_maintainers']
  const counts = await Promise.all(tables.map(table => db.query(`select from ${table} where user_id = ?`, [user])))
  return tables.filter((_, index) => (counts[index]?.length ?? 0) > 0)
}

import { loadConfig } from '../src/config/config.ts'
import { createServices } from '../src/services.ts'
import type { Bench } from './bench.ts'

const TOKENS = 10_000

/** Tokens of one user for a resource server, and the client of that. */
export interface ResourceTokens {
  texts: string[]
  client: { clientId: string; clientSecret: string }
  revokeFirst(): Promise<unknown>
}

/** Issues tokens on another node of the issuer's database. */
export async function issueTokens(
  { quick, defer, say }: Bench,
  environment: NodeJS.ProcessEnv,
  audience: string,
): Promise<ResourceTokens> {
  const services = await createServices({ config: loadConfig(environment) })
  defer(() => services.close())
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience })
  const person = { email: 'ada@example.com', name: 'Ada Lovelace', password: 'correct horse battery' }
  const user = await services.users.create({ ...person, role: 'user' })
  const count = quick ? 200 : TOKENS
  say(`issuing ${count.toLocaleString('en')} tokens`)
  const scopes = ['orders:read']
  const issued = await Promise.all(
    Array.from({ length: count }, (_, i) => services.tokens.issuePersonal({ user, name: `bench ${i}`, scopes })),
  )
  return {
    texts: issued.map(({ plainText }) => plainText),
    client: { clientId: client.id, clientSecret: secret as string },
    revokeFirst: () => services.tokens.revoke(user.id, issued[0]!.token.id),
  }
}

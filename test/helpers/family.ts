import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { v7 as uuid } from 'uuid'
import type { Client } from '../../src/clients/client.entity.ts'
import type { NewClient } from '../../src/clients/clients.ts'
import type { House } from '../../src/house.ts'
import { createMint } from '../../src/tokens/mint.ts'
import { AccessToken } from '../../src/tokens/token.entity.ts'
import type { User } from '../../src/users/user.entity.ts'
import { basic, form } from './oauth.ts'

export interface Held {
  client: Client
  /** How the client proves who it is. */
  headers: { authorization: string }
  grant: string
  accessToken: string
  refreshToken: string
}

/** What a client holds after a user let it in, without the page where that happens. */
export async function letIn(
  house: House,
  user: User,
  { scopes = ['orders:read'], ...settings }: Omit<Partial<NewClient>, 'scopes'> & { scopes?: string[] } = {},
): Promise<Held> {
  const standard = { name: 'calendar', grantTypes: ['refresh_token'] }
  const { client, secret } = await house.clients.create({ ...standard, ...settings })
  const [grant, audience] = [uuid(), null]
  const expiresAt = house.terms.expiry(client, 'authorization_code')
  const draft = { user: user.id, client: client.id, name: null, scopes, format: client.tokenFormat, audience, grant }
  const issued = await createMint(house.keys, house.config)({ ...draft, expiresAt })
  const refreshToken = await house.changes.transaction(async em => {
    await em.insert(AccessToken, issued.token)
    return house.refresh.start(em, { grant, accessToken: issued.token.id, user: user.id, client, scopes, audience })
  })
  return { client, headers: basic(client.id, secret), grant, accessToken: issued.plainText, refreshToken }
}

/** The status that a request with this token is answered with. */
export async function opens(app: FastifyInstance, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return (await app.inject({ url: '/api/tokens/current', headers })).statusCode
}

/** Trades the refresh token that is held, or the one given. */
export const refresh = (
  app: FastifyInstance,
  { headers, refreshToken }: Pick<Held, 'headers' | 'refreshToken'>,
  more: Record<string, string> = {},
): Promise<LightMyRequestResponse> =>
  form(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...more }, headers)

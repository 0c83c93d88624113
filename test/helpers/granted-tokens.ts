import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Client } from '../../src/clients/client.entity.ts'
import type { NewClient } from '../../src/clients/clients.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import type { Services } from '../../src/services.ts'
import type { User } from '../../src/users/user.entity.ts'
import { basic, form } from './oauth.ts'

export interface GrantedTokens {
  client: Client
  /** How the client proves who it is. */
  headers: { authorization: string }
  accessToken: string
  refreshToken: string
  /** Id of the grant. */
  grant: string
}

/** What a client holds after a user let it in from a device. */
export async function grantAccess(
  services: Services,
  user: User,
  { scopes = ['orders:read'], ...settings }: Omit<Partial<NewClient>, 'scopes'> & { scopes?: string[] } = {},
): Promise<GrantedTokens> {
  const standard = { name: 'calendar', grantTypes: [DEVICE_CODE, 'refresh_token'] }
  const { client, secret } = await services.clients.create({ ...standard, ...settings })
  return { client, headers: basic(client.id, secret), ...(await grantAgain(services, user, client, scopes)) }
}

/** What a client gets when a user lets it in once more. */
export async function grantAgain(
  services: Services,
  user: User,
  client: Client,
  scopes = ['orders:read'],
): Promise<Pick<GrantedTokens, 'accessToken' | 'refreshToken' | 'grant'>> {
  const waiting = await services.device.start({ client, params: { scope: scopes.join(' ') } })
  const { id: grant } = (await services.device.find(waiting.user_code, { address: '127.0.0.1', shared: false })) ?? {
    id: '',
  }
  await services.device.approve(grant, user)
  const given = await services.grants[DEVICE_CODE]?.({ client, params: { device_code: waiting.device_code } })
  const { access_token: accessToken = '', refresh_token: refreshToken = '' } = given ?? {}
  return { accessToken, refreshToken, grant }
}

/** The status that a request with this token is answered with. */
export async function opens(app: FastifyInstance, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return (await app.inject({ url: '/api/tokens/current', headers })).statusCode
}

/** Trades the refresh token that is held, or the one given. */
export const refresh = (
  app: FastifyInstance,
  { headers, refreshToken }: Pick<GrantedTokens, 'headers' | 'refreshToken'>,
  more: Record<string, string> = {},
): Promise<LightMyRequestResponse> =>
  form(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...more }, headers)

import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Client } from '../../src/clients/client.entity.ts'
import type { NewClient } from '../../src/clients/clients.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import type { House } from '../../src/house.ts'
import type { User } from '../../src/users/user.entity.ts'
import { basic, form } from './oauth.ts'

export interface Held {
  client: Client
  /** How the client proves who it is. */
  headers: { authorization: string }
  accessToken: string
  refreshToken: string
  /** Id of the grant. */
  grant: string
}

/** What a client holds after a user let it in from a device. */
export async function letIn(
  house: House,
  user: User,
  { scopes = ['orders:read'], ...settings }: Omit<Partial<NewClient>, 'scopes'> & { scopes?: string[] } = {},
): Promise<Held> {
  const standard = { name: 'calendar', grantTypes: [DEVICE_CODE, 'refresh_token'] }
  const { client, secret } = await house.clients.create({ ...standard, ...settings })
  const waiting = await house.device.start({ client, params: { scope: scopes.join(' ') } })
  const { id: grant } = (await house.device.lookUp(waiting.user_code, '127.0.0.1')) ?? { id: '' }
  await house.device.approve(grant, user)
  const given = await house.grants[DEVICE_CODE]?.({ client, params: { device_code: waiting.device_code } })
  const { access_token: accessToken = '', refresh_token: refreshToken = '' } = given ?? {}
  return { client, headers: basic(client.id, secret), accessToken, refreshToken, grant }
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

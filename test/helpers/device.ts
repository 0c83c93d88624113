import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Client } from '../../src/clients/client.entity.ts'
import type { NewClient } from '../../src/clients/clients.ts'
import type { DeviceAuthorizationResponse } from '../../src/grants/device.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import type { Services } from '../../src/services.ts'
import { basic, form } from './oauth.ts'

export interface Television {
  client: Client
  headers: { authorization: string }
}

/** A client on a device. */
export async function television(services: Services, settings: Partial<NewClient> = {}): Promise<Television> {
  const standard = { name: 'television', grantTypes: [DEVICE_CODE] }
  const { client, secret } = await services.clients.create({ ...standard, ...settings })
  return { client, headers: basic(client.id, secret) }
}

export const ask = (
  app: FastifyInstance,
  { headers }: Pick<Television, 'headers'>,
  params: Record<string, string | string[]> = {},
): Promise<LightMyRequestResponse> => form(app, '/oauth/device_authorization', params, headers)

export const poll = (
  app: FastifyInstance,
  { headers }: Pick<Television, 'headers'>,
  { device_code }: Pick<DeviceAuthorizationResponse, 'device_code'>,
  more: Record<string, string> = {},
): Promise<LightMyRequestResponse> =>
  form(app, '/oauth/token', { grant_type: DEVICE_CODE, device_code, ...more }, headers)

/** The request that waits under this code, as the page for users finds it. */
export async function typed(
  { device }: Services,
  { user_code }: Pick<DeviceAuthorizationResponse, 'user_code'>,
  address = '127.0.0.1',
) {
  const request = await device.find(user_code, { address, shared: false })
  if (!request) throw new Error('no device waits under this code')
  return request
}

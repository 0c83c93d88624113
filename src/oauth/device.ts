import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { isStored } from '../clients/metadata-clients.ts'
import { unauthorizedClient } from '../errors/protocol.ts'
import type { Device } from '../grants/device.ts'
import { DEVICE_CODE } from '../grants/device-grant.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { sendRateLimit } from '../http/rate-limit.ts'
import { Named } from '../http/schemas.ts'
import type { Throttle } from '../users/throttle.ts'
import { rejectOtherMethods } from './context.ts'
import { clientSecurity, formBody, protocolErrors, tooManyRequestsResponse } from './schemas.ts'

const DeviceAuthorizationSchema = Named(
  'DeviceAuthorization',
  Type.Object({
    device_code: Type.String({ examples: ['bGFyZ2UgYW5kIHJhbmRvbSwgbm90IHRvIGJlIGd1ZXNzZWQ'] }),
    user_code: Type.String({ examples: ['WDJB-MJHT'] }),
    verification_uri: Type.String({ examples: ['http://localhost:3000/device'] }),
    verification_uri_complete: Type.String({ examples: ['http://localhost:3000/device?user_code=WDJB-MJHT'] }),
    expires_in: Type.Integer({ description: 'Seconds', examples: [600] }),
    interval: Type.Integer({ description: 'Seconds between polls', examples: [5] }),
  }),
)

const description = `The first step for a device without a browser or a keyboard (RFC 8628 §3.1). Show the user \
\`user_code\` and \`verification_uri\`, then poll the token endpoint every \`interval\` seconds with \
\`grant_type=${DEVICE_CODE}\` and \`device_code\`.`

export interface DeviceRoutesOptions {
  clientAuthentication: ClientAuthentication
  device: Pick<Device, 'start'>
  throttle: Pick<Throttle, 'limitUnauthenticated'>
}

/** The device authorization endpoint (RFC 8628 §3.1). */
export function deviceEndpoint({
  clientAuthentication,
  device,
  throttle,
}: DeviceRoutesOptions): FastifyPluginAsyncTypebox {
  return async app => {
    rejectOtherMethods(app, '/device_authorization')
    app.post(
      '/device_authorization',
      {
        schema: {
          operationId: 'deviceAuthorization',
          summary: 'Get a code for a device',
          description,
          tags: ['OAuth'],
          consumes: ['application/x-www-form-urlencoded'],
          security: clientSecurity,
          body: formBody(
            {
              scope: Type.Optional(Type.String({ description: 'Space-delimited' })),
              resource: Type.Optional(
                Type.String({
                  description: 'The audience of a registered resource server (RFC 8707); may come more than once',
                }),
              ),
            },
            { client_id: '01994f0e-2c4a-7000-8000-000000000000', scope: 'orders:read' },
          ),
          response: { 200: DeviceAuthorizationSchema, ...protocolErrors, ...tooManyRequestsResponse },
        },
      },
      async (request, reply) => {
        const params = (request.body ?? {}) as Params
        const { authorization } = request.headers
        const client = await clientAuthentication.authenticate({ authorization, params }, 'authorization')
        if (!client.grantTypes.includes(DEVICE_CODE)) {
          throw unauthorizedClient(`The client is not registered for ${DEVICE_CODE}.`)
        }
        sendRateLimit(reply, await throttle.limitUnauthenticated(client, peerOf(request), !isStored(client)))
        setActor({ clientId: client.id })
        return device.start({ client, params })
      },
    )
  }
}

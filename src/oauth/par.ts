import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { isStored } from '../clients/metadata-clients.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { sendRateLimit } from '../http/rate-limit.ts'
import { Named } from '../http/schemas.ts'
import type { Throttle } from '../users/throttle.ts'
import { knownParams } from './authorize-params.ts'
import type { AuthorizeRequests } from './authorize-request.ts'
import { rejectOtherMethods } from './context.ts'
import type { PushedRequests } from './pushed.ts'
import { clientSecurity, formBody, protocolErrors, tooManyRequestsResponse } from './schemas.ts'

export interface ParRoutesOptions {
  clientAuthentication: ClientAuthentication
  authorizeRequests: AuthorizeRequests
  pushedRequests: PushedRequests
  throttle: Pick<Throttle, 'limitUnauthenticated'>
}

const description = `RFC 9126: the client sends the parameters of an authorization request here, and they are validated \
immediately. It then sends the browser to the authorization endpoint with only \`client_id\` and \`request_uri\`. A \
\`request_uri\` can be used for one authorization.`

const Pushed = Named(
  'PushedAuthorization',
  Type.Object({
    request_uri: Type.String({ examples: ['urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c'] }),
    expires_in: Type.Integer({ description: 'Seconds', examples: [90] }),
  }),
)

const example = {
  response_type: 'code',
  redirect_uri: 'https://app.example.com/callback',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}

/** Pushed authorization requests (RFC 9126). */
export function parEndpoint(options: ParRoutesOptions): FastifyPluginAsyncTypebox {
  const { clientAuthentication, authorizeRequests, pushedRequests, throttle } = options

  return async app => {
    rejectOtherMethods(app, '/par')
    app.post(
      '/par',
      {
        schema: {
          operationId: 'pushAuthorizationRequest',
          summary: 'Push an authorization request',
          description,
          tags: ['OAuth'],
          consumes: ['application/x-www-form-urlencoded'],
          security: clientSecurity,
          body: formBody({ response_type: Type.Optional(Type.String()) }, example),
          response: {
            201: { ...Pushed, description: 'The reference to the stored request' },
            ...protocolErrors,
            ...tooManyRequestsResponse,
          },
        },
      },
      async (request, reply) => {
        const params = (request.body ?? {}) as Params
        const { authorization } = request.headers
        const client = await clientAuthentication.authenticate({ authorization, params }, 'authorization')
        sendRateLimit(reply, await throttle.limitUnauthenticated(client, peerOf(request), !isStored(client)))
        setActor({ clientId: client.id })
        if (params.request_uri !== undefined) throw invalidRequest('A pushed request must not contain request_uri.')
        await authorizeRequests.check(client, params)
        const { requestUri, expiresIn } = await pushedRequests.push(client, knownParams(params))
        return reply.code(201).send({ request_uri: requestUri, expires_in: expiresIn })
      },
    )
  }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { lacksClient } from '../clients/credentials.ts'
import { invalidClient, invalidRequest } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { rejectOtherMethods } from './context.ts'
import type { Revoke } from './revoke.ts'
import { clientSecurity, formBody, protocolErrors } from './schemas.ts'

export interface RevokeRoutesOptions {
  clientAuthentication: ClientAuthentication
  revoke: Revoke
}

const description = `RFC 7009, for access tokens of either format and refresh tokens. Revoking a token also revokes the other \
tokens of the same grant: its refresh token and access tokens. The response is 200 also for unknown, expired and revoked \
tokens; a token that was issued to another client is rejected with \`invalid_grant\`.

A personal access token does not belong to a client: its holder revokes it with \`DELETE /api/tokens/current\`.`

const NO_CLIENT =
  'Authenticate as the client of the token. Use DELETE /api/tokens/current to revoke a personal access token.'

/** Token revocation (RFC 7009). */
export function revocationEndpoint({ clientAuthentication, revoke }: RevokeRoutesOptions): FastifyPluginAsyncTypebox {
  return async app => {
    rejectOtherMethods(app, '/revoke')
    app.post(
      '/revoke',
      {
        schema: {
          operationId: 'revoke',
          summary: 'Revoke a token',
          description,
          tags: ['OAuth'],
          consumes: ['application/x-www-form-urlencoded'],
          security: clientSecurity,
          body: formBody(
            { token: Type.String(), token_type_hint: Type.Optional(Type.String({ description: 'Ignored' })) },
            { token: 'post_…' },
          ),
          response: {
            200: Type.Object({}, { description: 'The token is no longer valid', examples: [{}] }),
            ...protocolErrors,
          },
        },
      },
      async request => {
        const params = (request.body ?? {}) as Params
        const { authorization } = request.headers
        if (lacksClient({ authorization, params })) throw invalidClient(NO_CLIENT)
        const client = await clientAuthentication.authenticate({ authorization, params })
        setActor({ clientId: client.id })
        if (params.token === undefined) throw invalidRequest('token is missing.')
        await revoke(client, params.token)
        // Clients use only the status code (RFC 7009 §2.2), but some parse every response as JSON.
        return {}
      },
    )
  }
}

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

const description = `RFC 7009, for access tokens of either format and refresh tokens. A token takes along what came from \
the same grant: a refresh token its access tokens, an access token its refresh token. Unknown, expired and revoked ones \
are answered with 200 as well; one that was issued to another client is refused with \`invalid_grant\`.

A personal access token belongs to no client: whoever holds it revokes it with \`DELETE /api/tokens/current\`.`

const NO_CLIENT =
  'Name the client that the token was issued to. A personal access token is revoked with DELETE /api/tokens/current.'

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
            { token: Type.String(), token_type_hint: Type.Optional(Type.String({ description: 'Not needed' })) },
            { token: 'post_…' },
          ),
          response: {
            200: Type.Object({}, { description: 'The token opens nothing any more', examples: [{}] }),
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
        // Only the status counts (RFC 7009 §2.2); some clients read an answer as JSON, or not at all.
        return {}
      },
    )
  }
}

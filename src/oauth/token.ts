import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { type Client, GRANT_TYPES, type GrantType } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import { type Credentials, lacksClient } from '../clients/credentials.ts'
import { invalidRequest, unauthorizedClient, unsupportedGrantType } from '../errors/protocol.ts'
import { TOKEN_EXCHANGE } from '../grants/exchange.ts'
import type { Grants, Params } from '../grants/grant.ts'
import { Named, TOKEN_EXAMPLE } from '../http/schemas.ts'
import { rejectOtherMethods } from './context.ts'
import { clientSecurity, formBody, protocolErrors } from './schemas.ts'

const TokenResponseSchema = Named(
  'TokenResponse',
  Type.Object({
    access_token: Type.String({
      examples: [TOKEN_EXAMPLE],
    }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds', examples: [3600] }),
    scope: Type.String({ examples: ['orders:read'] }),
    refresh_token: Type.Optional(Type.String()),
    issued_token_type: Type.Optional(Type.String()),
  }),
)

/** Applies also to clients of users that registered for `client_credentials` when that was still allowed. */
const OPERATOR_CLIENT_REQUIRED = 'Only a client that an operator registered can use client_credentials.'

const param = (description: string) => Type.Optional(Type.String({ description }))

const TokenParams = {
  grant_type: Type.String({ examples: [...GRANT_TYPES] }),
  scope: param('Space-delimited'),
  resource: param('The audience of a registered resource server (RFC 8707); may be repeated'),
  code: param('For `authorization_code`'),
  redirect_uri: param('For `authorization_code`: the URI that the code was sent to'),
  code_verifier: param('For `authorization_code` (RFC 7636)'),
  refresh_token: param('For `refresh_token`'),
  device_code: param('For the device grant (RFC 8628)'),
  subject_token: param(
    'For token exchange (RFC 8693): the access token to exchange, or the OpenID Connect token of a trusted workload',
  ),
  subject_token_type: param('For token exchange: `urn:ietf:params:oauth:token-type:access_token` or `…:jwt`'),
  requested_token_type: param('For token exchange: one of the same values'),
  audience: param('For token exchange: another name for `resource`'),
}

export interface TokenRoutesOptions {
  clientAuthentication: ClientAuthentication
  clients: Pick<Clients, 'personalAccess'>
  grants: Grants
}

/** The token endpoint (RFC 6749 §3.2). */
export function tokenEndpoint({
  clientAuthentication,
  clients,
  grants,
}: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  return async app => {
    rejectOtherMethods(app, '/token')
    app.post(
      '/token',
      {
        schema: {
          operationId: 'token',
          summary: 'Get an access token',
          description: 'The token endpoint of RFC 6749 §3.2.',
          tags: ['OAuth'],
          consumes: ['application/x-www-form-urlencoded'],
          security: clientSecurity,
          body: formBody(TokenParams, { grant_type: 'client_credentials', scope: 'orders:read' }),
          response: { 200: TokenResponseSchema, ...protocolErrors },
        },
      },
      async request => {
        const params = (request.body ?? {}) as Params
        const type = params.grant_type
        if (type === undefined) throw invalidRequest('grant_type is missing.')
        const grant = Object.hasOwn(grants, type) ? grants[type as GrantType] : undefined
        if (!grant) throw unsupportedGrantType(`grant_type must be one of ${Object.keys(grants).join(', ')}.`)
        const client = await clientOf({ authorization: request.headers.authorization, params }, type as GrantType)
        setActor({ clientId: client.id })
        return grant({ client, params })
      },
    )
  }

  async function clientOf(credentials: Credentials, type: GrantType): Promise<Client> {
    // The holder of a personal token can exchange it without a client: docs/adr/0020-exchange-without-a-client.md.
    if (type === TOKEN_EXCHANGE && lacksClient(credentials)) return clients.personalAccess()
    const client = await clientAuthentication.authenticate(credentials)
    if (type === 'client_credentials' && !client.isOperators()) throw unauthorizedClient(OPERATOR_CLIENT_REQUIRED)
    if (client.grantTypes.includes(type)) return client
    throw unauthorizedClient(`The client is not registered for ${type}.`)
  }
}

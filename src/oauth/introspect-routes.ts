import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Negotiator from 'negotiator'
import { Type } from 'typebox'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import { invalidClient, invalidRequest } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { Named } from '../http/schemas.ts'
import type { Keys } from '../keys/keys.ts'
import { rejectOtherMethods } from './context.ts'
import type { Introspect, Introspection } from './introspect.ts'
import { clientSecurity, formBody, protocolErrors } from './schemas.ts'

export interface IntrospectRoutesOptions {
  clientAuthentication: ClientAuthentication
  introspect: Introspect
  keys: Keys
  config: { issuer: string }
}

const JSON_TYPE = 'application/json'
const SIGNED_TYPE = 'application/token-introspection+jwt'

const IntrospectionSchema = Named(
  'Introspection',
  Type.Object(
    {
      active: Type.Boolean(),
      scope: Type.Optional(Type.String({ description: 'Space-delimited' })),
      client_id: Type.Optional(Type.String()),
      username: Type.Optional(
        Type.String({
          description:
            'E-mail address; only for the resource server that the token is meant for, and only with `user:read`',
        }),
      ),
      token_type: Type.Optional(Type.String({ description: 'Absent for a refresh token' })),
      exp: Type.Optional(Type.Integer()),
      iat: Type.Optional(Type.Integer()),
      sub: Type.Optional(Type.String({ description: 'Id of the user; for a machine, of the client' })),
      aud: Type.Optional(
        Type.Union([Type.String(), Type.Array(Type.String())], {
          description: 'The signed value: a string or an array',
        }),
      ),
      iss: Type.Optional(Type.String()),
      jti: Type.Optional(Type.String()),
      status: Type.Optional(
        Type.Object({ status_list: Type.Object({ idx: Type.Integer(), uri: Type.String({ format: 'uri' }) }) }),
      ),
    },
    {
      examples: [
        {
          active: true,
          scope: 'orders:read user:read',
          client_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12',
          username: 'ada@example.com',
          token_type: 'Bearer',
          exp: 1795258800,
          iat: 1795255200,
          sub: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13',
          aud: 'https://api.example.com',
          iss: 'https://auth.example.com',
          jti: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11',
        },
      ],
    },
  ),
)

const description = `RFC 7662. A resource server (a client registered with an \`audience\`) can introspect the access tokens \
that are meant for it or for the whole deployment; every confidential client can introspect its own tokens. For any other \
token the response is \`{"active": false}\`: expired, revoked, suspended, unknown, or of other clients. The response \
contains the current state of the token, such as changed scopes. Introspection by a resource server counts as a use of \
the token.

With \`Accept: ${SIGNED_TYPE}\` the response is signed (RFC 9701).`

export function introspectionEndpoint(options: IntrospectRoutesOptions): FastifyPluginAsyncTypebox {
  const { clientAuthentication, introspect, keys, config } = options

  /** RFC 9701 §5. */
  const signed = (client: Client, introspection: Introspection) =>
    keys.sign(
      { iss: config.issuer, aud: client.id, iat: Math.floor(Date.now() / 1000), token_introspection: introspection },
      'token-introspection+jwt',
    )

  return async app => {
    rejectOtherMethods(app, '/introspect')
    app.post(
      '/introspect',
      {
        schema: {
          operationId: 'introspect',
          summary: 'Introspect a token',
          description,
          tags: ['OAuth'],
          consumes: ['application/x-www-form-urlencoded'],
          security: clientSecurity,
          body: formBody(
            {
              token: Type.String({ description: 'An access token of either format, or a refresh token' }),
              token_type_hint: Type.Optional(Type.String({ description: 'Ignored' })),
            },
            { token: 'post_…' },
          ),
          response: {
            200: {
              description: 'The properties of the token that the client may see',
              content: {
                [JSON_TYPE]: { schema: IntrospectionSchema },
                [SIGNED_TYPE]: { schema: Type.String({ examples: ['eyJ0eXAiOiJ0b2tlbi1pbnRyb3NwZWN0aW9uK2p3dCI…'] }) },
              },
            },
            ...protocolErrors,
          },
        },
      },
      async (request, reply) => {
        const { headers } = request
        const params = (request.body ?? {}) as Params
        const client = await clientAuthentication.authenticate({ authorization: headers.authorization, params })
        if (!client.isConfidential()) throw invalidClient('Only confidential clients can introspect tokens.')
        setActor({ clientId: client.id })
        if (params.token === undefined) throw invalidRequest('token is missing.')
        const introspection = await introspect(client, params.token)
        if (!prefersSigned(headers.accept)) return introspection as never
        return reply.type(SIGNED_TYPE).send((await signed(client, introspection)) as never)
      },
    )
  }
}

/** Only clients that name the signed type explicitly can read it; a wildcard does not request a signature. */
const prefersSigned = (accept: string | undefined): boolean =>
  accept?.includes(SIGNED_TYPE) === true &&
  new Negotiator({ headers: { accept } }).mediaType([SIGNED_TYPE, JSON_TYPE]) === SIGNED_TYPE

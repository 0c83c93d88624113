import { type Static, Type } from 'typebox'
import { TOKEN_FORMATS } from '../clients/client.entity.ts'
import { entityTag } from '../http/entity-tag.ts'
import { PageOf, paging, searchFor, sortBy } from '../http/paging.ts'
import { closed, Name, Named, Nullable, noContent, problem, revokedMany, Time, TOKEN_EXAMPLE } from '../http/schemas.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { OwnUserSchema, SecondFactorCode } from '../users/schemas.ts'
import { resourcesOf } from './audience.ts'
import { LIST_STATES, SORTS } from './list.ts'
import { stateOf, TOKEN_STATES } from './state.ts'
import type { ListedToken } from './token.entity.ts'
import type { LastUse } from './usage.ts'

const example = {
  id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11',
  name: 'deploy',
  client_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12',
  scopes: ['orders:read'],
  format: 'jwt',
  resources: null,
  state: 'active',
  revoked: false,
  suspended: false,
  created_at: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
  last_used_at: null,
  last_used_by: null,
  expires_at: '2027-11-21T10:00:00.000Z',
  unused_scopes: ['orders:read'],
  unknown_scopes: [],
}

export const TokenSchema = Named(
  'Token',
  Type.Object(
    {
      id: Type.String({ format: 'uuid', description: 'The `jti` of a JWT' }),
      name: Nullable(Type.String()),
      client_id: Type.String({ format: 'uuid' }),
      scopes: Type.Array(Type.String({ examples: ['orders:read'] })),
      format: Type.Enum([...TOKEN_FORMATS]),
      resources: Nullable(
        Type.Array(Type.String({ examples: ['https://orders.example.com'] }), {
          description: 'Audiences of the APIs that the token is for; null: every API of this deployment',
        }),
      ),
      state: Type.Enum([...TOKEN_STATES], { description: 'An expired token that is also suspended is `expired`' }),
      revoked: Type.Boolean(),
      suspended: Type.Boolean(),
      created_at: Time(),
      updated_at: Time(),
      last_used_at: Nullable(Time()),
      last_used_by: Nullable(
        Type.String({ description: 'The audience of the API where it was last used; null: this server, or never' }),
      ),
      expires_at: Time(),
      unused_scopes: Type.Array(Type.String({ examples: ['orders:read'] }), {
        description: 'Scopes that no check has required yet',
      }),
      unknown_scopes: Type.Array(Type.String({ examples: ['legacy:export'] }), {
        description: 'Scopes that were removed from the catalogue. The token keeps them; they can no longer be granted',
      }),
    },
    { examples: [example] },
  ),
)

/** For the response that issues the token. */
const neverUsed = ({ scopes }: ListedToken): LastUse => ({ lastUsedAt: null, lastUsedBy: null, unusedScopes: scopes })

export const toToken = (
  catalogue: Pick<Catalogue, 'unknown'>,
  token: ListedToken,
  lastUse = neverUsed(token),
): Static<typeof TokenSchema> => ({
  id: token.id,
  name: token.name,
  client_id: token.client,
  scopes: token.scopes,
  format: token.format,
  resources: token.audience === null ? null : resourcesOf(token.audience),
  state: stateOf(token),
  revoked: token.revoked,
  suspended: token.suspended,
  created_at: token.createdAt,
  updated_at: token.updatedAt,
  last_used_at: lastUse.lastUsedAt,
  last_used_by: lastUse.lastUsedBy,
  expires_at: token.expiresAt,
  unused_scopes: lastUse.unusedScopes,
  unknown_scopes: catalogue.unknown(token.scopes),
})

/** The entity tag of a token: of what its user can change, and whether it is revoked. */
export const tokenTag = ({ id, name, scopes, suspended, revoked, updatedAt }: ListedToken): string =>
  entityTag([id, name, scopes, suspended, revoked, updatedAt])

const name = Name
const scopes = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 500 })

const tokenProperties = {
  name: Type.Optional({ ...name, description: 'What the token is for. `device_name` is an alias' }),
  device_name: Type.Optional(name),
  scopes: Type.Optional({ ...scopes, description: 'Default: the default scopes and `tokens:rotate`' }),
  expires_in: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_155_760_000, description: 'Seconds' })),
  expires_at: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  format: Type.Optional(Type.Enum([...TOKEN_FORMATS])),
  resources: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 2_000, examples: ['https://orders.example.com'] }), {
      minItems: 1,
      maxItems: 20,
      description:
        'Audiences of the APIs that the token is for; no other API accepts it. Default: every API, or those that its scopes belong to',
    }),
  ),
}

/** The body of a request that issues a token for another user. */
export const IssueForUser = Named(
  'IssueTokenForUser',
  Type.Object(tokenProperties, {
    ...closed,
    examples: [{ name: 'deploy', scopes: ['orders:read'], expires_in: 2_592_000 }],
  }),
)
export type IssueForUserBody = Static<typeof IssueForUser>

export const IssueToken = Named(
  'IssueToken',
  Type.Object(
    {
      email: Type.Optional(
        Type.String({
          format: 'email',
          maxLength: 254,
          description: 'Required unless the request has a token with `tokens:write`',
        }),
      ),
      password: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
      code: Type.Optional(SecondFactorCode),
      ...tokenProperties,
    },
    {
      ...closed,
      examples: [{ name: 'deploy' }],
    },
  ),
)
export type IssueTokenBody = Static<typeof IssueToken>

export const IssuedSchema = Named(
  'IssuedToken',
  Type.Object(
    {
      token: Type.String({
        description: 'The plain text of the token. Only this response contains it.',
        examples: [TOKEN_EXAMPLE],
      }),
      data: TokenSchema,
      user: OwnUserSchema,
    },
    { description: 'The new token' },
  ),
)

export const ChangeToken = Named(
  'ChangeToken',
  Type.Object(
    {
      name: Type.Optional(name),
      scopes: Type.Optional(scopes),
      suspended: Type.Optional(Type.Boolean({ description: 'A suspended token is rejected until it is resumed' })),
    },
    { ...closed, examples: [{ scopes: ['orders:read', 'orders:create'] }] },
  ),
)

export const RotateToken = Type.Optional(
  Nullable(
    Type.Object(
      {
        overlap: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 604_800,
            description: 'Seconds that the old token stays valid, up to a week',
          }),
        ),
      },
      { ...closed, examples: [{ overlap: 3600 }] },
    ),
  ),
)

/** Which tokens a list contains. */
export const ListStateSchema = Type.Optional(
  Type.Enum([...LIST_STATES], {
    default: 'live',
    description: '`live`: active and suspended; `ended`: revoked and expired',
  }),
)

export const ListQuery = Type.Object(
  {
    ...paging,
    state: ListStateSchema,
    search: searchFor('the name, of a scope, or of the URI of an API that it is for or was last used by'),
    sort: sortBy(SORTS, '-created_at'),
    scope: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Only tokens with this scope, which may have been removed from the catalogue',
      }),
    ),
  },
  closed,
)

export const TokenList = PageOf(TokenSchema)

export const TokenParams = Type.Object({ id: Type.String({ description: 'Id of a token', examples: [example.id] }) })
export const SingleToken = Type.Object({ data: TokenSchema })
/** Only where a single token is read: counting takes a query of its own. */
export const issuedTokens = {
  issued_tokens: Type.Integer({
    examples: [2],
    description:
      'How many live tokens are revoked along with this one: those that it issued, by exchange or with `tokens:write`, and its successor while this token is within its overlap',
  }),
}
export const SingleTokenWithIssued = Type.Object({
  data: Named('TokenWithIssued', Type.Object({ ...TokenSchema.properties, ...issuedTokens })),
})
export const unknownToken = problem('The user has no such token')
export const endedToken = problem('The token has been revoked or has expired')
export const rightLost = problem('The user or the requesting token is no longer authorized to do this')
export const revokedResponse = noContent('Revoked; no other token was revoked along with it')
/** The 200 of a revocation that also revoked the tokens that the token had issued. */
export const revokedWithIssued = {
  ...revokedMany,
  description:
    'Revoked, together with the tokens that it had issued by exchange or with `tokens:write`, and with its successor if it was within its overlap. `count` includes the token itself',
}

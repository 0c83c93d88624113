import { type Static, Type } from 'typebox'
import { TOKEN_FORMATS } from '../clients/client.entity.ts'
import { PageOf, paging } from '../http/paging.ts'
import { closed, Name, Nullable, noContent, problem, Time, TOKEN_EXAMPLE } from '../http/schemas.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { OwnUserSchema } from '../users/schemas.ts'
import { resourcesOf } from './audience.ts'
import type { ShownToken } from './token.entity.ts'
import type { LastUse } from './usage.ts'

const example = {
  id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11',
  name: 'deploy',
  client_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12',
  scopes: ['orders:read'],
  format: 'jwt',
  resources: null,
  revoked: false,
  suspended: false,
  created_at: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
  last_used_at: null,
  expires_at: '2027-11-21T10:00:00.000Z',
  unused_scopes: ['orders:read'],
  unknown_scopes: [],
}

export const TokenSchema = Type.Object(
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
    revoked: Type.Boolean(),
    suspended: Type.Boolean(),
    created_at: Time(),
    updated_at: Time(),
    last_used_at: Nullable(Time()),
    expires_at: Time(),
    unused_scopes: Type.Array(Type.String({ examples: ['orders:read'] }), {
      description: 'Scopes that no check has required yet',
    }),
    unknown_scopes: Type.Array(Type.String({ examples: ['legacy:export'] }), {
      description: 'Scopes that were removed from the catalogue. The token keeps them; they can no longer be granted',
    }),
  },
  { examples: [example] },
)

/** For the response that issues the token. */
const neverUsed = ({ scopes }: ShownToken): LastUse => ({ lastUsedAt: null, unusedScopes: scopes })

export const toToken = (
  catalogue: Pick<Catalogue, 'unknown'>,
  token: ShownToken,
  lastUse = neverUsed(token),
): Static<typeof TokenSchema> => ({
  id: token.id,
  name: token.name,
  client_id: token.client,
  scopes: token.scopes,
  format: token.format,
  resources: token.audience === null ? null : resourcesOf(token.audience),
  revoked: token.revoked,
  suspended: token.suspended,
  created_at: token.createdAt,
  updated_at: token.updatedAt,
  last_used_at: lastUse.lastUsedAt,
  expires_at: token.expiresAt,
  unused_scopes: lastUse.unusedScopes,
  unknown_scopes: catalogue.unknown(token.scopes),
})

const name = Name
const scopes = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 500 })

const tokenProperties = {
  name: Type.Optional({ ...name, description: 'A name that tells what the token is for. `device_name` is an alias' }),
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
export const IssueForUser = Type.Object(tokenProperties, {
  ...closed,
  examples: [{ name: 'deploy', scopes: ['orders:read'], expires_in: 2_592_000 }],
})
export type IssueForUserBody = Static<typeof IssueForUser>

export const IssueToken = Type.Object(
  {
    email: Type.Optional(
      Type.String({
        format: 'email',
        maxLength: 254,
        description: 'Required unless the request has a token with `tokens:write`',
      }),
    ),
    password: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
    ...tokenProperties,
  },
  {
    ...closed,
    examples: [{ email: 'ada@example.com', password: 'correct horse', device_name: 'deploy', scopes: ['orders:read'] }],
  },
)
export type IssueTokenBody = Static<typeof IssueToken>

export const IssuedSchema = Type.Object(
  {
    token: Type.String({
      description: 'The plain text of the token. Only this response contains it.',
      examples: [TOKEN_EXAMPLE],
    }),
    data: TokenSchema,
    user: OwnUserSchema,
  },
  { description: 'The new token' },
)

export const ChangeToken = Type.Object(
  {
    name: Type.Optional(name),
    scopes: Type.Optional(scopes),
    suspended: Type.Optional(Type.Boolean({ description: 'A suspended token is rejected until it is resumed' })),
  },
  { ...closed, examples: [{ scopes: ['orders:read', 'orders:create'] }] },
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

export const ListQuery = Type.Object(
  {
    ...paging,
    state: Type.Optional(
      Type.Enum(['live', 'all'], { default: 'live', description: '`all` includes revoked and expired tokens' }),
    ),
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
export const TokenAnswer = Type.Object({ data: TokenSchema })
export const unknownToken = problem('The user has no such token')
export const endedToken = problem('The token has been revoked or has expired')
export const rightLost = problem('The user or the requesting token is no longer authorized to do this')
export const revokedResponse = noContent('Revoked; it had issued no live tokens')
/** The 200 of a revocation that also revoked the tokens that the token had issued. */
export const revokedWithIssued = {
  ...Type.Object({
    data: Type.Object({
      count: Type.Integer({ examples: [3], description: 'How many tokens were revoked, including this one' }),
    }),
  }),
  description: 'Revoked, together with the tokens that it had issued by exchange or with `tokens:write`',
}

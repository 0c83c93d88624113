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
        description: 'The APIs that it is for; null: every API of this deployment',
      }),
    ),
    revoked: Type.Boolean(),
    suspended: Type.Boolean(),
    created_at: Time(),
    updated_at: Time(),
    last_used_at: Nullable(Time()),
    expires_at: Time(),
    unused_scopes: Type.Array(Type.String({ examples: ['orders:read'] }), {
      description: 'Scopes that no check has asked for yet',
    }),
    unknown_scopes: Type.Array(Type.String({ examples: ['legacy:export'] }), {
      description: 'Scopes that have left the catalogue: the token keeps them, and no new one gets them',
    }),
  },
  { examples: [example] },
)

/** For an answer to whoever just made it. */
const neverUsed = ({ scopes }: ShownToken): LastUse => ({ lastUsedAt: null, unusedScopes: scopes })

export const toToken = (
  catalogue: Pick<Catalogue, 'unknown'>,
  token: ShownToken,
  seen = neverUsed(token),
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
  last_used_at: seen.lastUsedAt,
  expires_at: token.expiresAt,
  unused_scopes: seen.unusedScopes,
  unknown_scopes: catalogue.unknown(token.scopes),
})

const name = Name
const scopes = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 500 })

const tokenProperties = {
  name: Type.Optional({ ...name, description: 'What the token is for; `device_name` is the same thing' }),
  device_name: Type.Optional(name),
  scopes: Type.Optional({ ...scopes, description: 'Omitted: the default scopes, and `tokens:rotate`' }),
  expires_in: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_155_760_000, description: 'Seconds' })),
  expires_at: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  format: Type.Optional(Type.Enum([...TOKEN_FORMATS])),
  resources: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 2_000, examples: ['https://orders.example.com'] }), {
      minItems: 1,
      maxItems: 20,
      description: 'Audiences of the APIs that it is for, and good at only; omitted: every API, or those of its scopes',
    }),
  ),
}

/** By whoever may issue for others. */
export const IssueForUser = Type.Object(tokenProperties, {
  ...closed,
  examples: [{ name: 'deploy', scopes: ['orders:read'], expires_in: 2_592_000 }],
})
export type IssueForUserBody = Static<typeof IssueForUser>

export const IssueToken = Type.Object(
  {
    email: Type.Optional(
      Type.String({ format: 'email', maxLength: 254, description: 'Or send a token with `tokens:write`' }),
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
      description: 'The plain text. It is shown here, once.',
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
    suspended: Type.Optional(Type.Boolean({ description: 'A suspended token opens nothing until it is resumed' })),
  },
  { ...closed, examples: [{ scopes: ['orders:read', 'orders:create'] }] },
)

export const RotateToken = Type.Optional(
  Nullable(
    Type.Object(
      {
        overlap: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 604_800, description: 'Seconds the old token lives on; up to a week' }),
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
      Type.Enum(['live', 'all'], { default: 'live', description: '`all`: revoked and expired ones too' }),
    ),
    scope: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Tokens that have this scope, also one that left the catalogue',
      }),
    ),
  },
  closed,
)

export const TokenList = PageOf(TokenSchema)

export const TokenParams = Type.Object({ id: Type.String({ description: 'Id of a token', examples: [example.id] }) })
export const TokenAnswer = Type.Object({ data: TokenSchema })
export const unknownToken = problem('The user has no such token')
export const deadToken = problem('The token has been revoked or has expired')
export const rightLost = problem('The user or the token that asks has lost the right to it meanwhile')
export const revokedResponse = noContent('Revoked, and it had issued none that lives')
export const goneWithOthers = {
  ...Type.Object({
    data: Type.Object({
      count: Type.Integer({ examples: [3], description: 'How many were revoked, itself among them' }),
    }),
  }),
  description: 'Revoked, and with it what it issued: by exchange, or with `tokens:write`',
}

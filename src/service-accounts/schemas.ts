import { Type } from 'typebox'
import { entityTag } from '../http/entity-tag.ts'
import { closed, Name, Named, Nullable, Time, Uuid } from '../http/schemas.ts'
import { toUser } from '../users/schemas.ts'
import { ROLES } from '../users/user.entity.ts'
import type { Account, AccountState } from './read.ts'

const ID = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a14'

const id = Type.String({ format: 'uuid' })

const MaintainerSchema = Type.Object({
  id,
  name: Type.String(),
  email: Nullable(Type.String({ description: 'null: the application that the person belongs to does not tell it' })),
  disabled: Type.Boolean({ description: 'A disabled person cannot look after it for now' }),
})

/** A service account. Its first fields are those of a user. */
export const AccountSchema = Named(
  'ServiceAccount',
  Type.Object(
    {
      id: Type.String({ format: 'uuid', description: 'The `sub` of its tokens' }),
      name: Type.String({ examples: ['Deployments'] }),
      email: Type.String({ description: 'An address that no mail reaches, for programs that need one' }),
      role: Type.Enum([...ROLES]),
      description: Type.String(),
      allowed_scopes: Nullable(
        Type.Array(Type.String({ examples: ['orders:read'] }), {
          description: 'The scopes that its tokens may have; null: those that whoever issues them may have',
        }),
      ),
      maintainers: Type.Array(MaintainerSchema),
      live_tokens: Type.Integer({ examples: [2], description: 'Tokens that are neither revoked nor expired' }),
      disabled_at: Nullable(Time()),
      created_at: Time(),
      updated_at: Time(),
    },
    {
      examples: [
        {
          id: ID,
          name: 'Deployments',
          email: `${ID}@service-account.invalid`,
          role: 'user',
          description: 'Deploys the shop from the build server',
          allowed_scopes: ['orders:read'],
          maintainers: [
            {
              id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10',
              name: 'Ada Lovelace',
              email: 'ada@example.com',
              disabled: false,
            },
          ],
          live_tokens: 2,
          disabled_at: null,
          created_at: '2026-11-21T10:00:00.000Z',
          updated_at: '2026-11-21T10:00:00.000Z',
        },
      ],
    },
  ),
)

export const toAccount = (account: Account) => ({
  ...toUser(account),
  email: account.email,
  description: account.description,
  allowed_scopes: account.allowedScopes,
  maintainers: account.maintainers,
  live_tokens: account.liveTokens,
  disabled_at: account.disabledAt,
})

/** The entity tag of an account, without its maintainers and tokens, which other routes change. */
export const accountTag = (account: AccountState): string =>
  entityTag([toUser(account), account.description, account.allowedScopes, account.disabledAt])

const description = Type.String({ maxLength: 1_000, description: 'What it is for' })
const allowed_scopes = Nullable(
  Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
    maxItems: 500,
    description: 'The scopes that its tokens may have. Default: null, those that whoever issues them may have',
  }),
)
const role = Type.Enum([...ROLES], {
  description: '`admin`: its tokens may have administrative scopes; only administrators can issue such tokens',
})

export const CreateAccount = Named(
  'CreateServiceAccount',
  Type.Object(
    {
      name: Name,
      description: Type.Optional(description),
      maintainers: Type.Array(Uuid(), {
        minItems: 1,
        maxItems: 100,
        description: 'Ids of the people who look after it',
      }),
      allowed_scopes: Type.Optional(allowed_scopes),
      role: Type.Optional(role),
    },
    {
      ...closed,
      examples: [{ name: 'Deployments', maintainers: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'] }],
    },
  ),
)

export const ChangeAccount = Named(
  'ChangeServiceAccount',
  Type.Object(
    {
      name: Type.Optional(Name),
      description: Type.Optional(description),
      allowed_scopes: Type.Optional(allowed_scopes),
      role: Type.Optional(role),
    },
    { ...closed, examples: [{ allowed_scopes: ['orders:read'] }] },
  ),
)

export const AccountParams = Type.Object({
  id: Type.String({ description: 'Id of a service account', examples: [ID] }),
})
export const MaintainerParams = Type.Object({
  ...AccountParams.properties,
  user_id: Type.String({ description: 'Id of a user', examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'] }),
})
export const AccountTokenParams = Type.Object({
  ...AccountParams.properties,
  token_id: Type.String({ description: 'Id of a token', examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'] }),
})

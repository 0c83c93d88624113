import { type TSchema, Type } from 'typebox'
import { UUID_PATTERN } from '../text/uuid.ts'

/** Bodies reject unknown fields, so that a misspelt field is an error instead of being ignored. */
export const closed = { additionalProperties: false } as const

/** The security scheme of client authentication. */
export const CLIENT_BASIC = 'clientBasic'

/** The security scheme by which the explorer gets a token of the signed-in user. */
export const OAUTH = 'oauth2'

/** The access token of examples: shortened, with an invalid signature. */
export const TOKEN_EXAMPLE =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwOi8vbG9jYWxob3N0OjMwMDAifQ.MEUCIQ'

/** RFC 3339 in UTC; the serializer calls `toISOString`. */
export const Time = (description?: string) =>
  Type.Unsafe<Date | string>({ type: 'string', format: 'date-time', ...(description && { description }) })

/** An id in a request, in upper or lower case. */
export const Uuid = (description?: string) =>
  Type.String({ pattern: UUID_PATTERN, ...(description && { description }) })

/**
 * A schema with a name in the OpenAPI document, by which a generated client knows it.
 * @example Named('Token', Type.Object({ id: Uuid() }))
 */
export const Named = <T extends TSchema>(title: string, schema: T): T => ({ ...schema, title })

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Problem = Type.Object(
  {
    type: Type.String({ description: 'A stable URI that names the error' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'A human-readable explanation' }),
    request_id: Type.Optional(
      Type.String({
        description: 'The `X-Request-Id` that the request was sent with, by which the log names it',
        examples: ['4b3f4c2a-5d1e-4f6a-9b7c-8d9e0f1a2b3c'],
      }),
    ),
  },
  { additionalProperties: true },
)

/** An error response of the JSON API, for the OpenAPI document only; the error handler serializes it itself. */
export const problem = (description: string) => ({ ...Problem, description })

export const validationProblem = {
  ...Type.Object(
    {
      ...Problem.properties,
      errors: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
    },
    { additionalProperties: true },
  ),
  description: 'The input is invalid; `errors` lists each invalid field',
}

/** The response to an operation that revoked more than one token. */
export const revokedMany = {
  ...Named(
    'Revoked',
    Type.Object({
      data: Type.Object({ count: Type.Integer({ examples: [3], description: 'How many tokens were revoked' }) }),
    }),
  ),
  description: 'Revoked; `count` tokens',
}

export const noContent = (description: string) => Type.Null({ description })

/** A display name. `validateName` counts its characters in normal form, in which four characters may become one. */
export const Name = Type.String({ minLength: 1, maxLength: 1_020, description: '1 to 255 visible characters' })

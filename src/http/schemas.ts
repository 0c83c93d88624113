import { type TSchema, Type } from 'typebox'
import { UUID_PATTERN } from '../text/uuid.ts'

/** Bodies take nothing they do not know: a misspelt field is an answer, not a surprise. */
export const closed = { additionalProperties: false } as const

/** How a client proves who it is, among the document's security schemes. */
export const CLIENT_BASIC = 'clientBasic'

/** How the explorer gets a token for whoever is signed in. */
export const OAUTH = 'oauth2'

/** An access token as the examples show it: shortened, and signed by nobody. */
export const TOKEN_EXAMPLE =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwOi8vbG9jYWxob3N0OjMwMDAifQ.MEUCIQ'

/** RFC 3339 in UTC; the serializer calls `toISOString`. */
export const Time = (description?: string) =>
  Type.Unsafe<Date | string>({ type: 'string', format: 'date-time', ...(description && { description }) })

/** An id in a request, in either case. */
export const Uuid = (description?: string) =>
  Type.String({ pattern: UUID_PATTERN, ...(description && { description }) })

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Problem = Type.Object(
  {
    type: Type.String({ description: 'A stable URI that names the error' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong, for a person' }),
  },
  { additionalProperties: true },
)

/** An error answer of the JSON API, for OpenAPI; the error handler writes it itself. */
export const problem = (description: string) => ({ ...Problem, description })

export const validationProblem = {
  ...Type.Object(
    {
      ...Problem.properties,
      errors: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
    },
    { additionalProperties: true },
  ),
  description: 'The input is not valid; each field is named',
}

/** An answer before the connection is cut: the request, sent again, goes on. */
export const unfinished = {
  ...Type.Object({
    data: Type.Object({
      count: Type.Integer({ examples: [90_000], description: 'Tokens that this request revoked' }),
      complete: Type.Literal(false, { description: 'Send the request again for the others' }),
    }),
  }),
  description: 'Not all tokens are revoked yet: those that it counts are. The same request, sent again, goes on',
}

export const noContent = (description: string) => Type.Null({ description })

/** A name that somebody chose; `validateName` counts its characters in normal form, of which one may be sent as four. */
export const Name = Type.String({ minLength: 1, maxLength: 1_020, description: '1 to 255 characters that can be seen' })

import { type TProperties, Type } from 'typebox'
import { tooManyRequests } from '../errors/errors.ts'
import { CLIENT_BASIC, Named } from '../http/schemas.ts'

/** `{error, error_description}` (RFC 6749 §5.2), for OpenAPI only; the error handler creates the response. */
const ProtocolError = Named(
  'OAuthError',
  Type.Object({
    error: Type.String({ examples: ['invalid_request'] }),
    error_description: Type.Optional(Type.String({ examples: ['grant_type is missing.'] })),
  }),
)

export const protocolError = (description: string) => ({ ...ProtocolError, description })

export const protocolErrors = {
  400: protocolError('The request is invalid; `error` gives the reason'),
  401: {
    ...protocolError('`invalid_client`: client authentication failed'),
    examples: [{ error: 'invalid_client', error_description: 'The client is unknown, or its secret is wrong.' }],
  },
}

/** For routes where a public client's request is stored until a user acts on it. */
export const tooManyRequestsResponse = {
  429: {
    ...protocolError(
      '`too_many_requests`: too many requests of public clients from this address; try again after `Retry-After`',
    ),
    examples: [{ error: 'too_many_requests', error_description: tooManyRequests(60).message }],
  },
}

/** A client authenticates by Basic, or in the body. */
export const clientSecurity = [{ [CLIENT_BASIC]: [] }, {}]

/**
 * A form body for OpenAPI. It allows unknown parameters, which are ignored (RFC 6749 §3.2). The handler, not the validator,
 * reports missing parameters, with the error codes of the protocol.
 */
export function formBody(properties: TProperties, example: Record<string, string>) {
  return Type.Unsafe<Record<string, string | undefined>>({
    type: 'object',
    properties: {
      ...properties,
      client_id: Type.Optional(Type.String({ description: 'Required unless the Authorization header contains it' })),
      client_secret: Type.Optional(Type.String()),
    },
    additionalProperties: true,
    examples: [example],
  })
}

import { type TProperties, Type } from 'typebox'
import { tooManyRequests } from '../errors/errors.ts'
import { CLIENT_BASIC } from '../http/schemas.ts'

/** `{error, error_description}` (RFC 6749 §5.2), for OpenAPI; the error handler writes it itself. */
const ProtocolError = Type.Object({
  error: Type.String({ examples: ['invalid_request'] }),
  error_description: Type.Optional(Type.String({ examples: ['grant_type is missing.'] })),
})

export const protocolError = (description: string) => ({ ...ProtocolError, description })

export const protocolErrors = {
  400: protocolError('The request is refused; `error` says why'),
  401: {
    ...protocolError('`invalid_client`: the client did not prove who it is'),
    examples: [{ error: 'invalid_client', error_description: 'The client is not known, or its secret is wrong.' }],
  },
}

/** Where a public client begins what is stored until somebody answers it. */
export const tooManyRequestsResponse = {
  429: {
    ...protocolError(
      '`too_many_requests`: public clients began too much from this address; `Retry-After` says when to try again',
    ),
    examples: [{ error: 'too_many_requests', error_description: tooManyRequests(60).message }],
  },
}

/** A client proves who it is by Basic, or in the body. */
export const clientSecurity = [{ [CLIENT_BASIC]: [] }, {}]

/**
 * A form body for OpenAPI. It is not closed, since unknown parameters are ignored (RFC 6749 §3.2), and what is missing
 * is said in the protocol's words by the handler rather than by the validator.
 */
export function formBody(properties: TProperties, example: Record<string, string>) {
  return Type.Unsafe<Record<string, string | undefined>>({
    type: 'object',
    properties: {
      ...properties,
      client_id: Type.Optional(Type.String({ description: 'Unless the Authorization header says it' })),
      client_secret: Type.Optional(Type.String()),
    },
    additionalProperties: true,
    examples: [example],
  })
}

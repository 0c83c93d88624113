import type { ErrorCode } from '../../packages/guard/src/error-code.ts'
import { PosternError } from './errors.ts'

/** Errors of the protocol routes (RFC 6749 §5.2 and its extensions), rendered as `{error, error_description}`. */
const protocolError =
  (status: number, code: ErrorCode) =>
  (detail: string, cause?: unknown): PosternError =>
    new PosternError({ status, code, detail, cause })

export const invalidRequest = protocolError(400, 'invalid_request')
export const invalidGrant = protocolError(400, 'invalid_grant')
export const invalidScope = protocolError(400, 'invalid_scope')
export const unauthorizedClient = protocolError(400, 'unauthorized_client')
export const unsupportedGrantType = protocolError(400, 'unsupported_grant_type')
export const unsupportedTokenType = protocolError(400, 'unsupported_token_type')
/** RFC 8707 §2. */
export const invalidTarget = protocolError(400, 'invalid_target')
/** RFC 7591 §3.2.2. */
export const invalidRedirectUri = protocolError(400, 'invalid_redirect_uri')
export const invalidClientMetadata = protocolError(400, 'invalid_client_metadata')
/** RFC 8628 §3.5. */
export const authorizationPending = () => protocolError(400, 'authorization_pending')('The user has not decided yet.')
export const slowDown = (seconds: number) =>
  protocolError(400, 'slow_down')(`Poll every ${seconds} seconds from now on.`)
export const expiredToken = protocolError(400, 'expired_token')
export const accessDenied = protocolError(400, 'access_denied')
/** RFC 6749 §4.1.2.1. */
export const unsupportedResponseType = protocolError(400, 'unsupported_response_type')
/** OpenID Connect Core §3.1.2.6. */
export const loginRequired = protocolError(400, 'login_required')
export const consentRequired = protocolError(400, 'consent_required')
export const requestNotSupported = protocolError(400, 'request_not_supported')

/** Replaces characters that `error_description` must not contain; it is a subset of ASCII (RFC 6749 §5.2). */
export const printable = (text: string) => text.replaceAll('"', "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')

/**
 * The same error for an unknown client and for a wrong secret (RFC 6749 §5.2). It has no challenge of its own:
 * {@link withChallenge} adds one where the request used the `Authorization` header.
 */
export const invalidClient = (
  detail = 'The client is unknown or revoked, or its authentication failed.',
  cause?: unknown,
) => protocolError(401, 'invalid_client')(detail, cause)

/** An `invalid_client` error for a person, whose browser did not authenticate a client. Other errors stay as they are. */
export const shownToUser = (error: unknown): unknown =>
  error instanceof PosternError && error.code === 'invalid_client' ? invalidRequest(error.message, error) : error

const BASIC_CHALLENGE = { 'www-authenticate': 'Basic realm="postern", charset="UTF-8"' }

/**
 * Adds the `Basic` challenge to an `invalid_client` error, only for a request that used the `Authorization` header
 * (RFC 6749 §5.2). Browsers open a password dialog for every such challenge, also for requests of the API explorer.
 * @param authorization the header of the request
 */
export function withChallenge(error: PosternError, authorization: string | undefined): PosternError {
  if (error.code !== 'invalid_client' || authorization === undefined) return error
  const { status, code, message, headers, extra, cause } = error
  return new PosternError({ status, code, detail: message, headers: { ...headers, ...BASIC_CHALLENGE }, extra, cause })
}

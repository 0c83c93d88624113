import { PosternError } from './postern-error.ts'

/** Escapes a quoted-string (RFC 9110 §5.6.4) and removes characters that a header cannot contain. */
const quoted = (text: string) => `"${text.replaceAll(/[^\x20-\x7e]/g, '').replaceAll(/["\\]/g, '\\$&')}"`

/** A parameter of a challenge (RFC 9110 §11.2). */
export const parameter = (name: string, value: string): string => `${name}=${quoted(value)}`

const challenge = (params: Record<string, string>) =>
  `Bearer ${Object.entries({ realm: 'postern', ...params })
    .map(([name, value]) => parameter(name, value))
    .join(', ')}`

/** 401 without a token: the challenge has no error code (RFC 6750 §3.1). */
export const unauthenticated = (detail = 'Send an access token: "Authorization: Bearer <token>".') =>
  new PosternError({
    status: 401,
    code: 'unauthenticated',
    detail,
    headers: { 'www-authenticate': challenge({}) },
  })

/**
 * Makes the error for a token that has expired, was revoked, is malformed or comes from another issuer: 401 `invalid_token`
 * with its challenge (RFC 6750 §3.1). An `authenticate` of your own throws it for a token that it rejects.
 * @param detail one sentence for the client; sent in the body and in the challenge
 * @param cause kept for the log, never sent
 * @example
 * async function authenticate(text: string): Promise<Token> {
 *   const row = await findToken(text)
 *   if (!row) throw invalidToken('The access token is unknown.')
 *   return new Token(row)
 * }
 */
export const invalidToken = (detail: string, cause?: unknown) =>
  new PosternError({
    status: 401,
    code: 'invalid_token',
    detail,
    headers: { 'www-authenticate': challenge({ error: 'invalid_token', error_description: detail }) },
    cause,
  })

/** 400 for a token that was sent in more than one way (RFC 6750 §2, §3.1). */
export const ambiguousToken = () =>
  new PosternError({
    status: 400,
    code: 'invalid_request',
    detail: 'Send the token once, in the Authorization header.',
    headers: { 'www-authenticate': challenge({ error: 'invalid_request' }) },
  })

/**
 * 403 for a valid token without the required scopes (RFC 6750 §3.1). Names the required, granted and missing scopes.
 * @param mode whether all of `required` are needed, or any one of them
 */
export function insufficientScope(
  mode: 'all' | 'any',
  required: readonly string[],
  granted: readonly string[],
  lacking: readonly string[],
): PosternError {
  const requirement =
    required.length === 1 ? `the scope ${required[0]}` : `${mode} of the scopes ${required.join(', ')}`
  const available = granted.length === 0 ? 'no scopes' : granted.join(', ')
  return new PosternError({
    status: 403,
    code: 'insufficient_scope',
    detail: `This needs ${requirement}; the token has ${available}.`,
    headers: {
      'www-authenticate': challenge({
        error: 'insufficient_scope',
        // Without the granted scopes, since a header is limited in size.
        error_description: `This needs ${requirement}.`,
        scope: required.join(' '),
      }),
    },
    extra: { required: { [mode]: required }, granted, missing: lacking },
  })
}

/** 500 for a guarded route of an application without a guard. The request is never accepted. */
export const guardNotRegistered = () =>
  new PosternError({
    status: 500,
    code: 'guard_not_registered',
    detail: 'This route is guarded, but the application has not registered the guard.',
  })

/** 500 for a handler that reads the token of a request that no check has accepted. */
export const routeNotGuarded = () =>
  new PosternError({
    status: 500,
    code: 'route_not_guarded',
    detail: 'This route reads the access token, but no checkScopes, checkAnyScope or requireToken guards it.',
  })

/** 500 for an `authenticate` that returned something other than a `Token`. The request is never accepted. */
export const guardGaveNoToken = () =>
  new PosternError({
    status: 500,
    code: 'guard_gave_no_token',
    detail: 'authenticate must return a Token, or throw invalidToken(…) for a text that it rejects.',
  })

/** 500 for a request to the sidecar that does not say what it requires. The request is never accepted. */
export const invalidCheck = (detail: string) => new PosternError({ status: 500, code: 'invalid_check', detail })

/** 503 for a refusal that no longer holds, since the token was accepted when the client's proxy asked again. */
export const acceptedMeanwhile = () =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: 'The access token was refused a moment ago, and is accepted now. Try again.',
    headers: { 'retry-after': '1' },
  })

/** 503 while the status of the token is unknown. The request is never accepted. */
export const issuerUnavailable = (cause?: unknown) =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: 'The issuer of the access token cannot be reached. Try again.',
    headers: { 'retry-after': '2' },
    cause,
  })

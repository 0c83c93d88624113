import { PosternError } from './postern-error.ts'

/** Escaped as a quoted-string (RFC 9110 §5.6.4); what cannot stand in a header is dropped. */
const quoted = (text: string) => `"${text.replaceAll(/[^\x20-\x7e]/g, '').replaceAll(/["\\]/g, '\\$&')}"`

const challenge = (params: Record<string, string>) =>
  `Bearer ${Object.entries({ realm: 'postern', ...params })
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(', ')}`

/** No token at all: a challenge without an error code (RFC 6750 §3.1). */
export const unauthenticated = (detail = 'Send an access token: "Authorization: Bearer <token>".') =>
  new PosternError({
    status: 401,
    code: 'unauthenticated',
    detail,
    headers: { 'www-authenticate': challenge({}) },
  })

/** Expired, revoked, malformed, or not ours (RFC 6750 §3.1). */
export const invalidToken = (detail: string, cause?: unknown) =>
  new PosternError({
    status: 401,
    code: 'invalid_token',
    detail,
    headers: { 'www-authenticate': challenge({ error: 'invalid_token', error_description: detail }) },
    cause,
  })

/** The token came in more than one way (RFC 6750 §2, §3.1). */
export const ambiguousToken = () =>
  new PosternError({
    status: 400,
    code: 'invalid_request',
    detail: 'Send the token once, in the Authorization header.',
    headers: { 'www-authenticate': challenge({ error: 'invalid_request' }) },
  })

/**
 * The token is good and too little (RFC 6750 §3.1). Says what is needed, what is there and what is missing.
 * @param mode whether all of `required` are needed, or any one of them
 */
export function insufficientScope(
  mode: 'all' | 'any',
  required: readonly string[],
  granted: readonly string[],
  lacking: readonly string[],
): PosternError {
  const needs = required.length === 1 ? `the scope ${required[0]}` : `${mode} of the scopes ${required.join(', ')}`
  const has = granted.length === 0 ? 'no scopes' : granted.join(', ')
  return new PosternError({
    status: 403,
    code: 'insufficient_scope',
    detail: `This needs ${needs}; the token has ${has}.`,
    headers: { 'www-authenticate': challenge({ error: 'insufficient_scope', scope: required.join(' ') }) },
    extra: { required: { [mode]: required }, granted, missing: lacking },
  })
}

/** A route asks for a token in an application that has no way to check one: refused, never let through. */
export const guardNotRegistered = () =>
  new PosternError({
    status: 500,
    code: 'guard_not_registered',
    detail: 'This route is guarded, but the application has not registered the guard.',
  })

/** `authenticate` answered with something else than a token: refused, never let through. */
export const guardGaveNoToken = () =>
  new PosternError({
    status: 500,
    code: 'guard_gave_no_token',
    detail: 'authenticate must return a Token; for a text it does not accept it must throw invalidToken(…).',
  })

/** Nobody can say what the token may do now: refused, never let through. */
export const issuerUnavailable = (cause?: unknown) =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: 'The issuer of the access token cannot be reached. Try again.',
    headers: { 'retry-after': '2' },
    cause,
  })

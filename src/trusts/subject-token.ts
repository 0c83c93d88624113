import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { ASSERTION_ALGORITHMS } from '../clients/jwks.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { IssuerKeys, TrustedIssuer } from './issuer-keys.ts'

/** The clocks of two hosts may differ by this many seconds. */
const CLOCK_TOLERANCE = 30
/** A token that is valid for longer is no token of a job, such as a legacy token of a service account. */
const MAX_LIFETIME = 86_400
/** Claims of build servers have some hundred characters; those of Kubernetes about two thousand. */
const MAX_LENGTH = 16_384

/** The claims of a token without verification; undefined for what is no JWT. */
export function peek(text: string): JWTPayload | undefined {
  try {
    return text.length <= MAX_LENGTH ? decodeJwt(text) : undefined
  } catch {
    return undefined
  }
}

/** Verifies the token of a workload (OpenID Connect Core §3.1.3.7): signature, `iss`, `aud`, `exp`, `nbf` and `iat`. */
export type VerifySubjectToken = (
  text: string,
  issuer: TrustedIssuer,
  audiences: readonly string[],
) => Promise<JWTPayload>

/** @throws 400 `invalid_request` for an invalid token (RFC 8693 §2.2.2), 503 while the keys of its issuer cannot be fetched */
export function createVerifySubjectToken(keysOf: IssuerKeys): VerifySubjectToken {
  return async (text, trusted, audiences) => {
    const { payload } = await jwtVerify(text, keysOf(trusted), {
      algorithms: ASSERTION_ALGORITHMS,
      issuer: trusted.issuer,
      audience: [...audiences],
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: CLOCK_TOLERANCE,
    }).catch(error => {
      throw error instanceof errors.JOSEError ? invalidRequest(`subject_token: ${reason(error)}`, error) : error
    })
    assertTimes(payload)
    return payload
  }
}

function assertTimes({ iat = 0, exp = 0 }: JWTPayload): void {
  if (iat > Date.now() / 1000 + CLOCK_TOLERANCE) throw invalidRequest('subject_token: It was issued in the future.')
  if (exp - iat > MAX_LIFETIME) throw invalidRequest('subject_token: It is valid for more than a day.')
}

function reason(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'It has expired.'
  if (error instanceof errors.JWTClaimValidationFailed) return `The claim ${error.claim} is missing or invalid.`
  if (error instanceof errors.JWKSNoMatchingKey) return 'Its issuer has no such key.'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'Its algorithm is not allowed.'
  return 'Its signature is not valid.'
}

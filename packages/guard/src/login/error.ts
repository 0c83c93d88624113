/**
 * Why a sign-in or a token is not available:
 * - `not_signed_in`: nobody is signed in, or the sign-in has ended; `login` again
 * - `denied`: the user, or the issuer, denied the authorization
 * - `expired`: the user did not answer in time
 * - `refused`: the issuer rejected the request, or its answer is invalid; the message says why
 * - `unavailable`: the issuer cannot be reached now; retry later
 * - `busy`: another process did not release the lock of the stored sign-in
 */
export type LoginErrorCode = 'not_signed_in' | 'denied' | 'expired' | 'refused' | 'unavailable' | 'busy'

/** The error of `login`, `logout` and `getAccessToken`. Its message is one line for the user of the command line. */
export class LoginError extends Error {
  readonly code: LoginErrorCode

  constructor(code: LoginErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LoginError'
    this.code = code
  }
}

export const notSignedIn = (message: string, cause?: unknown) => new LoginError('not_signed_in', message, cause)
export const refused = (message: string, cause?: unknown) => new LoginError('refused', message, cause)

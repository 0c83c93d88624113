import { invalidToken, issuerUnavailable } from '../errors.ts'
import { importedFormat } from '../imported-text.ts'
import type { Authenticate } from '../requirements.ts'
import { STATUS } from '../status-bits.ts'
import type { Token } from '../token.ts'
import type { Verifier } from '../verifier.ts'
import { assertNotExpired, type Clock } from './clock.ts'
import type { HttpClient } from './http.ts'
import type { Introspector } from './introspector.ts'
import type { OpaqueTexts } from './opaque.ts'
import type { RemoteStatusLists } from './status-lists.ts'
import { valueWithin } from './timeout.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Milliseconds that a check waits for the issuer at most, and at most while the issuer is slow. */
const MAX_WAIT_MS = 5_000
const SLOW_WAIT_MS = 1_000

export interface TokenCheckOptions {
  verifier: Verifier<VerifiedToken>
  statusLists: RemoteStatusLists
  introspector: Introspector
  opaque: OpaqueTexts
  http: Pick<HttpClient, 'slow'>
  clock: Clock
}

/**
 * Makes the function that checks a token: signature and status from memory, with a request to the issuer where that is not
 * sufficient.
 */
export function createTokenCheck(options: TokenCheckOptions): Authenticate {
  const { verifier, statusLists, introspector, opaque, http, clock } = options

  function decide(verified: VerifiedToken, status: number | undefined): Token | Promise<Token> {
    if (status === STATUS.valid) return assertNotExpired(verified, clock)
    if (status === STATUS.revoked) throw invalidToken('The access token has been revoked.')
    if (status === STATUS.suspended) throw invalidToken('The access token is suspended.')
    // Changed or unknown: introspect.
    return introspector.cached(verified.text) ?? introspector.introspect(verified.text)
  }

  function checkStatus(verified: VerifiedToken): Token | Promise<Token> {
    const { text, reference } = verified
    if (!reference) return introspector.introspect(text)
    const status = statusLists.getFresh(reference)
    if (status !== undefined) return decide(verified, status)
    return statusLists.getOrFetch(reference).then(fetched => decide(verified, fetched))
  }

  function check(text: string): Token | Promise<Token> {
    const verified = verifier.get(text)
    if (verified) return checkStatus(verified)
    const introspected = introspector.cached(text)
    if (introspected) return introspected
    if (text.split('.').length !== 3) return opaque.check(text)
    return importedFormat(text) === undefined ? verify(text) : checkForeign(text)
  }

  const verify = (text: string): Promise<Token> => verifier.verify(text).then(checkStatus)

  /** A JWT of another system is opaque to resource servers: only the issuer knows its row and its key. */
  async function checkForeign(text: string): Promise<Token> {
    return (await opaque.isImported(text)) ? opaque.check(text) : verify(text)
  }

  /** Limits the total duration of a check, whatever the number of requests to the issuer. */
  async function withinTimeout(checking: Promise<Token>): Promise<Token> {
    const token = await valueWithin(checking, http.slow ? SLOW_WAIT_MS : MAX_WAIT_MS)
    if (token) return token
    throw issuerUnavailable(new Error('the issuer did not respond in time'))
  }

  return text => {
    const result = check(text)
    return result instanceof Promise ? withinTimeout(result) : result
  }
}

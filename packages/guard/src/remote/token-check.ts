import { invalidToken, issuerUnavailable } from '../errors.ts'
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

/** Milliseconds that a check waits for the issuer at most; and once that is known to be slow. */
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
 * From a text to its token: signature and status from memory, and a question to the issuer about what memory does not
 * say.
 */
export function createTokenCheck(options: TokenCheckOptions): Authenticate {
  const { verifier, statusLists, introspector, opaque, http, clock } = options

  function decide(verified: VerifiedToken, status: number | undefined): Token | Promise<Token> {
    if (status === STATUS.valid) return assertNotExpired(verified, clock)
    if (status === STATUS.revoked) throw invalidToken('The access token has been revoked.')
    if (status === STATUS.suspended) throw invalidToken('The access token is suspended.')
    // Changed, or nobody can say: the issuer can.
    return introspector.cached(verified.text) ?? introspector.ask(verified.text)
  }

  function checkStatus(verified: VerifiedToken): Token | Promise<Token> {
    const { text, reference } = verified
    if (!reference) return introspector.ask(text)
    const status = statusLists.getFresh(reference)
    if (status !== undefined) return decide(verified, status)
    return statusLists.getOrFetch(reference).then(found => decide(verified, found))
  }

  function check(text: string): Token | Promise<Token> {
    const verified = verifier.get(text)
    if (verified) return checkStatus(verified)
    const known = introspector.cached(text)
    if (known) return known
    if (text.split('.').length === 3) return verifier.verify(text).then(checkStatus)
    return opaque.check(text)
  }

  /** However many steps a check takes, whoever sent the request has an answer in time. */
  async function withinTimeout(checking: Promise<Token>): Promise<Token> {
    const token = await valueWithin(checking, http.slow ? SLOW_WAIT_MS : MAX_WAIT_MS)
    if (token) return token
    throw issuerUnavailable(new Error('the issuer did not answer in time'))
  }

  return text => {
    const found = check(text)
    return found instanceof Promise ? withinTimeout(found) : found
  }
}

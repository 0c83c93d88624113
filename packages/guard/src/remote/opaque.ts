import { invalidToken } from '../errors.ts'
import { LruCache } from '../lru-cache.ts'
import { isOpaqueText } from '../opaque-text.ts'
import type { PosternError } from '../postern-error.ts'
import type { Token } from '../token.ts'
import type { IssuerClient } from './issuer.ts'

/** Checks opaque texts. It rejects malformed and recently rejected ones without a request to the issuer. */
export interface OpaqueTexts {
  /** @throws PosternError 401 for a text that the issuer cannot have issued or rejects; 503 while it cannot be reached */
  check(text: string): Promise<Token>
  /** Empties the cache of rejected texts: a status has changed, so one of them may be valid now. */
  clear(): void
}

export interface OpaqueTextsOptions {
  issuer: Pick<IssuerClient, 'current' | 'metadata' | 'refresh'>
  /** Whether the guard has client credentials. */
  canIntrospect: boolean
  introspect: (text: string) => Promise<Token>
  /** Called once when an opaque token arrives and the guard has no client credentials. */
  onMissingClient: (error: Error) => void
}

/** The maximum length of a text, in characters. */
const MAX_LENGTH = 4_096
/** A rejection is cached for this long. */
const REJECTED_MS = 1_000
/** Longer texts are not cached. */
const MAX_CACHED_LENGTH = 256
const MAX_CACHED = 10_000

const MALFORMED = 'The access token is malformed.'
const NO_CLIENT =
  'This API does not accept opaque access tokens: its guard has no clientId and clientSecret for introspection. Use a token of the format "jwt".'

export function createOpaqueTexts({
  issuer,
  canIntrospect,
  introspect,
  onMissingClient,
}: OpaqueTextsOptions): OpaqueTexts {
  const rejected = new LruCache<string, { error: PosternError; until: number }>(MAX_CACHED)
  let reported = false

  /** Issuers other than Postern publish no prefix, so every text may be one of theirs. */
  function isPlausible(text: string, prefix: string | undefined): boolean {
    if (prefix === undefined || isOpaqueText(prefix, text)) return true
    // The prefix may have changed.
    issuer.refresh()
    return false
  }

  function noClient(text: string): Error {
    if (!isPlausible(text, issuer.current?.token_prefix)) return invalidToken(MALFORMED)
    if (!reported) onMissingClient(new Error(NO_CLIENT))
    reported = true
    return invalidToken(NO_CLIENT)
  }

  async function introspectUnlessRejected(text: string): Promise<Token> {
    const rejection = rejected.get(text)
    if (rejection && performance.now() < rejection.until) throw rejection.error
    try {
      return await introspect(text)
    } catch (error) {
      if ((error as PosternError).status === 401 && text.length <= MAX_CACHED_LENGTH) {
        rejected.set(text, { error: error as PosternError, until: performance.now() + REJECTED_MS })
      }
      throw error
    }
  }

  return {
    async check(text) {
      if (text.length > MAX_LENGTH) throw invalidToken(MALFORMED)
      if (!canIntrospect) throw noClient(text)
      const { token_prefix: prefix } = issuer.current ?? (await issuer.metadata())
      if (!isPlausible(text, prefix)) throw invalidToken(MALFORMED)
      return introspectUnlessRejected(text)
    },
    clear: () => rejected.clear(),
  }
}

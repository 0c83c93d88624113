import { invalidToken } from '../errors.ts'
import { LruCache } from '../lru-cache.ts'
import { isOpaqueText } from '../opaque-text.ts'
import type { PosternError } from '../postern-error.ts'
import type { Token } from '../token.ts'
import type { IssuerClient } from './issuer.ts'

/** What stands between an opaque text and a question to the issuer: nonsense must not cost the issuer one. */
export interface OpaqueTexts {
  /** @throws 401 for a text that the issuer cannot have issued, or that it refused a moment ago */
  check(text: string): Promise<Token>
  /** Something has changed: what was refused may be good now. */
  clear(): void
}

export interface OpaqueTextsOptions {
  issuer: Pick<IssuerClient, 'current' | 'metadata' | 'refresh'>
  /** The guard has a client to ask with. */
  canAsk: boolean
  ask: (text: string) => Promise<Token>
  /** Called once when a text comes that the guard lacks a client for. */
  onMissingClient: (error: Error) => void
}

/** No issuer's token comes near. */
const LONGEST = 4_096
/** A refusal is remembered for this long, and for texts that are not longer than this. */
const REFUSED_MS = 1_000
const LONGEST_REMEMBERED = 256
const MOST_REMEMBERED = 10_000

const MALFORMED = 'The access token is malformed.'
const NO_CLIENT =
  'This API accepts no opaque access tokens: its guard has no clientId and clientSecret to ask the issuer with. Use a token of the format "jwt".'

export function createOpaqueTexts({ issuer, canAsk, ask, onMissingClient }: OpaqueTextsOptions): OpaqueTexts {
  const refused = new LruCache<string, { error: PosternError; until: number }>(MOST_REMEMBERED)
  let missing = false

  /** Other issuers do not say what their texts are like. */
  function isOurs(text: string, prefix: string | undefined): boolean {
    if (prefix === undefined || isOpaqueText(prefix, text)) return true
    // The prefix may be another one by now.
    issuer.refresh()
    return false
  }

  function noClient(text: string): Error {
    if (!isOurs(text, issuer.current?.token_prefix)) return invalidToken(MALFORMED)
    if (!missing) onMissingClient(new Error(NO_CLIENT))
    missing = true
    return invalidToken(NO_CLIENT)
  }

  async function askOnce(text: string): Promise<Token> {
    const before = refused.get(text)
    if (before && performance.now() < before.until) throw before.error
    try {
      return await ask(text)
    } catch (error) {
      if ((error as PosternError).status === 401 && text.length <= LONGEST_REMEMBERED) {
        refused.set(text, { error: error as PosternError, until: performance.now() + REFUSED_MS })
      }
      throw error
    }
  }

  return {
    async check(text) {
      if (text.length > LONGEST) throw invalidToken(MALFORMED)
      if (!canAsk) throw noClient(text)
      const { token_prefix: prefix } = issuer.current ?? (await issuer.metadata())
      if (!isOurs(text, prefix)) throw invalidToken(MALFORMED)
      return askOnce(text)
    },
    clear: () => refused.clear(),
  }
}

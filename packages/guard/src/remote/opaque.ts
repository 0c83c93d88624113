import { hash } from 'node:crypto'
import { invalidToken, issuerUnavailable } from '../errors.ts'
import { importedFormat } from '../imported-text.ts'
import { LruCache } from '../lru-cache.ts'
import { isOpaqueText } from '../opaque-text.ts'
import type { PosternError } from '../postern-error.ts'
import type { Token } from '../token.ts'
import type { IssuerClient } from './issuer.ts'
import type { Metadata } from './metadata.ts'
import { createQuestionLimit } from './question-limit.ts'

/** Checks opaque texts. It rejects malformed and recently rejected ones without a request to the issuer. */
export interface OpaqueTexts {
  /** @throws PosternError 401 for a text that the issuer cannot have issued or rejects; 503 while it cannot be reached */
  check(text: string): Promise<Token>
  /** Whether the issuer may accept this text of another system: it has imported tokens of the same format. */
  isImported(text: string): Promise<boolean>
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
  /** Texts that the issuer has confirmed, by their hashes. A flood of invented ones must not keep them from being asked about. */
  const confirmed = new LruCache<string, true>(MAX_CACHED)
  const limit = createQuestionLimit()
  let reported = false

  /** Whether the issuer's metadata allows the text. If not, the prefix may have changed, or tokens were imported since. */
  async function isAllowed(allows: (metadata: Partial<Metadata>) => boolean): Promise<boolean> {
    if (allows(issuer.current ?? (await issuer.metadata()))) return true
    await issuer.refresh()
    return allows(issuer.current ?? {})
  }

  function noClient(text: string): Error {
    if (!isPlausible(text, issuer.current ?? {})) return invalidToken(MALFORMED)
    if (!reported) onMissingClient(new Error(NO_CLIENT))
    reported = true
    return invalidToken(NO_CLIENT)
  }

  async function introspectUnlessRejected(text: string, isOurs: boolean): Promise<Token> {
    // Of the same length for every text, so that long ones do not fill the memory.
    const key = hash('sha256', text, 'base64')
    const rejection = rejected.get(key)
    if (rejection && performance.now() < rejection.until) throw rejection.error
    try {
      if (isOurs || confirmed.get(key)) return await introspect(text)
      const token = await askWithinLimit(text)
      confirmed.set(key, true)
      return token
    } catch (error) {
      if ((error as PosternError).status === 401) {
        confirmed.delete(key)
        rejected.set(key, { error: error as PosternError, until: performance.now() + REJECTED_MS })
      }
      throw error
    }
  }

  /** A text of another system has no checksum of ours, so anybody can invent plausible ones. */
  async function askWithinLimit(text: string): Promise<Token> {
    if (!limit.enter()) throw issuerUnavailable(new Error('too many texts that no issuer has confirmed'))
    try {
      return await introspect(text)
    } catch (error) {
      if ((error as PosternError).status === 401) limit.noteRefusal()
      throw error
    } finally {
      limit.leave()
    }
  }

  return {
    async check(text) {
      if (text.length > MAX_LENGTH) throw invalidToken(MALFORMED)
      if (!canIntrospect) throw noClient(text)
      if (!(await isAllowed(metadata => isPlausible(text, metadata)))) throw invalidToken(MALFORMED)
      const prefix = issuer.current?.token_prefix
      const isOurs = prefix === undefined || isOpaqueText(prefix, text)
      return introspectUnlessRejected(text, isOurs)
    },
    isImported: text => isAllowed(metadata => isAnnounced(text, metadata)),
    clear: () => rejected.clear(),
  }
}

/** Issuers other than Postern publish no prefix, so every text may be one of theirs. */
const isPlausible = (text: string, metadata: Partial<Metadata>): boolean =>
  metadata.token_prefix === undefined || isOpaqueText(metadata.token_prefix, text) || isAnnounced(text, metadata)

/** Whether the issuer announces imported tokens of this format. */
function isAnnounced(text: string, { imported_token_formats: formats = [] }: Partial<Metadata>): boolean {
  const format = formats.length > 0 ? importedFormat(text) : undefined
  return format !== undefined && formats.includes(format)
}

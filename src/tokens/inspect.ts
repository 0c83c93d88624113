import { flattenText } from '../../packages/guard/src/token-text-cache.ts'
import type { VerifiedJwt, Verifier } from '../../packages/guard/src/verifier.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { PosternError } from '../errors/errors.ts'
import { type AudienceConfig, audienceOf } from './audience.ts'
import type { ImportedTexts } from './imported.ts'
import { createOpaqueCache } from './opaque-cache.ts'
import type { CacheEntry, TokenRecord, TokenRecords } from './records.ts'
import { isOpaqueText } from './text.ts'

/** An access token that has not expired, in any state and for any audience. */
export interface Inspected {
  record: TokenRecord
  /** Its audience: the `aud` of a JWT, or the audience in the row of an opaque token. */
  audience: readonly string[]
}

/** Looks up the token that a text names, from the cache if possible; undefined: it names no token. */
export type Inspect = (text: string) => Inspected | Promise<Inspected | undefined> | undefined

/** A cached text that was verified to name a token. */
interface InspectedToken extends CacheEntry {
  readonly text: string
  /** The signed `aud` of a JWT. It still applies after `AUDIENCE` has been changed. */
  readonly audience: readonly string[] | undefined
}

const newEntry = (text: string, id: string, audience?: readonly string[]): InspectedToken => {
  return { text, id, audience, record: undefined, recordVersion: undefined }
}

/** Creates the cache entry of a verified JWT. */
export const toInspectEntry = ({ text, id, payload }: VerifiedJwt): InspectedToken =>
  newEntry(text, id, [payload.aud ?? []].flat())

export interface InspectOptions {
  bus: InvalidationBus
  /** Verifies tokens for any audience. */
  verifier: Verifier<InspectedToken>
  records: TokenRecords
  config: AudienceConfig & Pick<Config, 'tokenPrefix' | 'cachedTokens'>
  /** Texts that another system issued. */
  imported: ImportedTexts
}

export function createInspect(options: InspectOptions): Inspect {
  const { bus, verifier, records, config, imported } = options
  const { tokenPrefix, cachedTokens } = config
  const opaqueCache = createOpaqueCache<InspectedToken>(bus, cachedTokens / 2)

  function toInspected(record: TokenRecord | undefined, audience?: readonly string[]): Inspected | undefined {
    if (!record || record.expiresAt <= Date.now()) return undefined
    return { record, audience: audience ?? audienceOf(record.audience, config) }
  }

  async function findById(id: string, audience?: readonly string[]): Promise<Inspected | undefined> {
    return toInspected(await records.find(id), audience)
  }

  function inspectCached(cached: InspectedToken): ReturnType<Inspect> {
    const record = records.fromCache(cached)
    return record ? toInspected(record, cached.audience) : findById(cached.id, cached.audience)
  }

  async function findByText(text: string): Promise<Inspected | undefined> {
    const record = await records.findByText(text)
    if (record) opaqueCache.set(newEntry(flattenText(text), record.token.id))
    return toInspected(record)
  }

  async function findImported(text: string): Promise<Inspected | undefined> {
    // A JWT that has expired is refused with 401.
    const find = () => imported.find(text).catch(ignoreUnauthorized)
    const found = await opaqueCache.verifyImported(
      find,
      found => found?.record && newEntry(flattenText(text), found.record.token.id),
    )
    return found ? toInspected(found.record) : verifySignature(text)
  }

  async function verifySignature(text: string): Promise<Inspected | undefined> {
    const verified = await verifier.verify(text).catch(ignoreUnauthorized)
    return verified && inspectCached(verified)
  }

  return text => {
    if (text.startsWith(tokenPrefix)) {
      const cached = opaqueCache.get(text)
      if (cached) return inspectCached(cached)
      if (isOpaqueText(tokenPrefix, text)) return findByText(text)
    }
    const verified = verifier.get(text)
    if (verified) return inspectCached(verified)
    if (!imported.isPossible(text)) return verifySignature(text)
    const cached = opaqueCache.getImported(text)
    return cached ? inspectCached(cached) : findImported(text)
  }
}

/** A 401 means that the text is not one of our tokens. Any other error, such as unavailable keys, is thrown again. */
function ignoreUnauthorized(error: PosternError): undefined {
  if (error.status !== 401) throw error
}

import { flattenText, TokenTextCache } from '../../packages/guard/src/token-text-cache.ts'
import type { VerifiedJwt, Verifier } from '../../packages/guard/src/verifier.ts'
import type { Config } from '../config/config.ts'
import type { PosternError } from '../errors/errors.ts'
import { type AudienceConfig, audienceOf } from './audience.ts'
import type { CacheEntry, TokenRecord, TokenRecords } from './records.ts'
import { isOpaqueText } from './text.ts'

/** An access token that somebody showed and that has not expired, whatever its state and whomever it is meant for. */
export interface Inspected {
  record: TokenRecord
  /** What it is meant for: the `aud` of a JWT, or what an opaque token was issued for. */
  audience: readonly string[]
}

/** From a text to what is known of the token that it names; undefined: it names none. From memory where it can. */
export type Inspect = (text: string) => Inspected | Promise<Inspected | undefined> | undefined

/** A text that was proved to name a token. */
interface InspectedToken extends CacheEntry {
  readonly text: string
  /** Of a JWT, as it was signed: a server whose `AUDIENCE` was changed since is not what the token was meant for. */
  readonly audience: readonly string[] | undefined
}

const newEntry = (text: string, id: string, audience?: readonly string[]): InspectedToken => {
  return { text, id, audience, record: undefined, recordVersion: undefined }
}

/** What is remembered of a JWT. */
export const toInspectEntry = ({ text, id, payload }: VerifiedJwt): InspectedToken =>
  newEntry(text, id, [payload.aud ?? []].flat())

export interface InspectOptions {
  /** Of tokens for any audience. */
  verifier: Verifier<InspectedToken>
  records: TokenRecords
  config: AudienceConfig & Pick<Config, 'tokenPrefix'>
  cacheSize?: number
}

export function createInspect({ verifier, records, config, cacheSize = 50_000 }: InspectOptions): Inspect {
  const { tokenPrefix } = config
  const opaqueCache = new TokenTextCache<InspectedToken>(cacheSize)

  function toInspected(record: TokenRecord | undefined, audience?: readonly string[]): Inspected | undefined {
    if (!record || record.expiresAt <= Date.now()) return undefined
    return { record, audience: audience ?? audienceOf(record.audience, config) }
  }

  async function findById(id: string, audience?: readonly string[]): Promise<Inspected | undefined> {
    return toInspected(await records.find(id), audience)
  }

  function inspectKnown(known: InspectedToken): ReturnType<Inspect> {
    const record = records.fromCache(known)
    return record ? toInspected(record, known.audience) : findById(known.id, known.audience)
  }

  async function findByText(text: string): Promise<Inspected | undefined> {
    const record = await records.findByText(text)
    if (record) opaqueCache.set(newEntry(flattenText(text), record.token.id))
    return toInspected(record)
  }

  async function verifySignature(text: string): Promise<Inspected | undefined> {
    const verified = await verifier.verify(text).catch(ignoreUnauthorized)
    return verified && inspectKnown(verified)
  }

  return text => {
    if (text.startsWith(tokenPrefix)) {
      const known = opaqueCache.get(text)
      if (known) return inspectKnown(known)
      if (isOpaqueText(tokenPrefix, text)) return findByText(text)
    }
    const known = verifier.get(text)
    return known ? inspectKnown(known) : verifySignature(text)
  }
}

/** A refusal says that it is no token of ours; that the keys could not be had says nothing about it. */
function ignoreUnauthorized(error: PosternError): undefined {
  if (error.status !== 401) throw error
}

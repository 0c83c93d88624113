import { ByText, flat } from '../../packages/guard/src/by-text.ts'
import type { Verified, Verifier } from '../../packages/guard/src/verifier.ts'
import type { Config } from '../config/config.ts'
import type { PosternError } from '../errors/errors.ts'
import { type AudienceConfig, audienceOf } from './audience.ts'
import type { Holder, Records, TokenRecord } from './records.ts'
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
interface Proved extends Holder {
  readonly text: string
  /** Of a JWT, as it was signed: a server whose `AUDIENCE` was changed since is not what the token was meant for. */
  readonly audience: readonly string[] | undefined
}

const keep = (text: string, id: string, audience?: readonly string[]): Proved => {
  return { text, id, audience, record: undefined, recordAt: undefined }
}

/** What is remembered of a JWT. */
export const keepSigned = ({ text, id, payload }: Verified): Proved => keep(text, id, [payload.aud ?? []].flat())

export interface InspectOptions {
  /** Of tokens for any audience. */
  verifier: Verifier<Proved>
  records: Records
  config: AudienceConfig & Pick<Config, 'tokenPrefix'>
  remember?: number
}

export function createInspect({ verifier, records, config, remember = 50_000 }: InspectOptions): Inspect {
  const { tokenPrefix } = config
  const opaque = new ByText<Proved>(remember)

  function seen(record: TokenRecord | undefined, signed?: readonly string[]): Inspected | undefined {
    if (!record || record.expiresAt <= Date.now()) return undefined
    return { record, audience: signed ?? audienceOf(record.audience, config) }
  }

  async function ask(id: string, signed?: readonly string[]): Promise<Inspected | undefined> {
    return seen(await records.find(id), signed)
  }

  function known(proved: Proved): ReturnType<Inspect> {
    const record = records.peek(proved)
    return record ? seen(record, proved.audience) : ask(proved.id, proved.audience)
  }

  async function byText(text: string): Promise<Inspected | undefined> {
    const record = await records.findByText(text)
    if (record) opaque.set(keep(flat(text), record.token.id))
    return seen(record)
  }

  async function bySignature(text: string): Promise<Inspected | undefined> {
    const verified = await verifier.verify(text).catch(notOurs)
    return verified && known(verified)
  }

  return text => {
    if (text.startsWith(tokenPrefix)) {
      const proved = opaque.get(text)
      if (proved) return known(proved)
      if (isOpaqueText(tokenPrefix, text)) return byText(text)
    }
    const proved = verifier.recall(text)
    return proved ? known(proved) : bySignature(text)
  }
}

/** A refusal says that it is no token of ours; that the keys could not be had says nothing about it. */
function notOurs(error: PosternError): undefined {
  if (error.status !== 401) throw error
}

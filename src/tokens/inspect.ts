import { LRUCache } from 'lru-cache'
import type { PosternError } from '../errors.ts'
import type { Verified, Verifier } from '../guard/verifier.ts'
import type { Records, TokenRecord } from './records.ts'
import { isOpaqueText } from './text.ts'

/** An access token that somebody showed and that has not expired, whatever its state and whomever it is meant for. */
export interface Inspected {
  record: TokenRecord
  /** What it is meant for: the `aud` of a JWT, or what an opaque token was issued for. */
  audience: string
}

/** From a text to what is known of the token that it names; undefined: it names none. From memory where it can. */
export type Inspect = (text: string) => Inspected | Promise<Inspected | undefined> | undefined

export interface InspectOptions {
  /** Of tokens for any audience. */
  verifier: Verifier
  records: Records
  tokenPrefix: string
  /** Of tokens that name none. */
  audience: string
  remember?: number
}

export function createInspect({
  verifier,
  records,
  tokenPrefix,
  audience,
  remember = 50_000,
}: InspectOptions): Inspect {
  const opaque = new LRUCache<string, string>({ max: remember })

  const seen = (record: TokenRecord | undefined, meant = record?.audience ?? audience): Inspected | undefined =>
    record && record.expiresAt > Date.now() ? { record, audience: meant } : undefined

  async function ask(id: string, meant?: string): Promise<Inspected | undefined> {
    return seen(await records.find(id), meant)
  }

  function known(id: string, meant?: string): ReturnType<Inspect> {
    const record = records.peek(id)
    return record ? seen(record, meant) : ask(id, meant)
  }

  async function byText(text: string): Promise<Inspected | undefined> {
    const record = await records.findByText(text)
    if (record) opaque.set(text, record.token.id)
    return seen(record)
  }

  async function bySignature(text: string): Promise<Inspected | undefined> {
    const verified = await verifier.verify(text).catch(notOurs)
    return verified && known(verified.id, audienceOf(verified))
  }

  return text => {
    const proved = verifier.recall(text)
    if (proved) return known(proved.id, audienceOf(proved))
    const id = opaque.get(text)
    if (id !== undefined) return known(id)
    return isOpaqueText(tokenPrefix, text) ? byText(text) : bySignature(text)
  }
}

/** As it was signed: a server whose `AUDIENCE` was changed since is not what the token was meant for. */
const audienceOf = ({ payload }: Verified) => String(payload.aud)

/** A refusal says that it is no token of ours; that the keys could not be had says nothing about it. */
function notOurs(error: PosternError): undefined {
  if (error.status !== 401) throw error
}

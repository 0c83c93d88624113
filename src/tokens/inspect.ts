import type { PosternError } from '../errors.ts'
import { Recent } from '../guard/recent.ts'
import type { Verified, Verifier } from '../guard/verifier.ts'
import type { Holder, Records, TokenRecord } from './records.ts'
import { isOpaqueText } from './text.ts'

/** An access token that somebody showed and that has not expired, whatever its state and whomever it is meant for. */
export interface Inspected {
  record: TokenRecord
  /** What it is meant for: the `aud` of a JWT, or what an opaque token was issued for. */
  audience: string
}

/** From a text to what is known of the token that it names; undefined: it names none. From memory where it can. */
export type Inspect = (text: string) => Inspected | Promise<Inspected | undefined> | undefined

/** A JWT that was proved. */
interface Signed extends Holder {
  readonly text: string
  /** As it was signed: a server whose `AUDIENCE` was changed since is not what the token was meant for. */
  readonly audience: string
}

/** What is remembered of a JWT. */
export const keepSigned = ({ text, id, payload }: Verified): Signed => ({ text, id, audience: String(payload.aud) })

export interface InspectOptions {
  /** Of tokens for any audience. */
  verifier: Verifier<Signed>
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
  const opaque = new Recent<string, Holder>(remember)

  const seen = (record: TokenRecord | undefined, meant = record?.audience ?? audience): Inspected | undefined =>
    record && record.expiresAt > Date.now() ? { record, audience: meant } : undefined

  async function ask(id: string, meant?: string): Promise<Inspected | undefined> {
    return seen(await records.find(id), meant)
  }

  function known(holder: Holder, meant?: string): ReturnType<Inspect> {
    const record = records.peek(holder)
    return record ? seen(record, meant) : ask(holder.id, meant)
  }

  async function byText(text: string): Promise<Inspected | undefined> {
    const record = await records.findByText(text)
    if (record) opaque.set(text, { id: record.token.id })
    return seen(record)
  }

  async function bySignature(text: string): Promise<Inspected | undefined> {
    const verified = await verifier.verify(text).catch(notOurs)
    return verified && known(verified, verified.audience)
  }

  return text => {
    const proved = verifier.recall(text)
    if (proved) return known(proved, proved.audience)
    const holder = opaque.get(text)
    if (holder) return known(holder)
    return isOpaqueText(tokenPrefix, text) ? byText(text) : bySignature(text)
  }
}

/** A refusal says that it is no token of ours; that the keys could not be had says nothing about it. */
function notOurs(error: PosternError): undefined {
  if (error.status !== 401) throw error
}

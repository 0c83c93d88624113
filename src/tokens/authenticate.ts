import { ByText, flat } from '../../packages/guard/src/by-text.ts'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import { type Token, wholeSecond } from '../../packages/guard/src/token.ts'
import type { Verifier } from '../../packages/guard/src/verifier.ts'
import { nowActing } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import { type AudienceConfig, isForIssuer, resourcesOf } from './audience.ts'
import { accept, type Holder, type Records, type TokenRecord } from './records.ts'
import { isOpaqueText } from './text.ts'
import type { Usage } from './usage.ts'

/**
 * A text that was proved to name a token, and the answer that was given to it. A check costs mostly the memory that it
 * has to look at, so all that a repeated one needs stands in this one object; whole seconds stand in it, where
 * milliseconds would stand beside it.
 */
interface Proved extends Holder {
  readonly text: string
  /** What a JWT says itself; milliseconds since the epoch. */
  readonly expiresAt: number
  /** What the text was answered with last. */
  token: Token | undefined
  /** The answer holds while no more changes than these have been heard of, */
  heard: number
  /** and before this second. */
  until: number
  /** The second of the last use that was noted: that is known to the second. */
  usedIn: number
}

/** What is remembered of a text that was proved. */
export function keepProved({ text, id, expiresAt }: { text: string; id: string; expiresAt: number }): Proved {
  return {
    text,
    id,
    expiresAt,
    record: undefined,
    recordAt: undefined,
    token: undefined,
    heard: -1,
    until: 0,
    usedIn: 0,
  }
}

export interface AuthenticateOptions {
  verifier: Verifier<Proved>
  records: Records
  usage: Usage
  /** Says which audiences are the issuer's own. A JWT names its audience itself; of an opaque text only its row does. */
  config: AudienceConfig & Pick<Config, 'tokenPrefix'>
  remember?: number
}

/**
 * How this server authenticates: the text is proved once and remembered, what the token may do is asked every time,
 * both from memory. A JWT is proved by its signature, an opaque text by its hash.
 */
export function createAuthenticate(options: AuthenticateOptions) {
  const { verifier, records, usage, config, remember = 100_000 } = options
  const { tokenPrefix } = config
  const opaque = new ByText<Proved>(remember)

  function letIn(record: TokenRecord | undefined, now: number): Token {
    const { token, audience: meant } = accept(record, now)
    if (meant !== null && !isForIssuer(resourcesOf(meant), config))
      throw invalidToken('The access token is meant for another audience.')
    return token
  }

  function acting(token: Token): Token {
    nowActing({ userId: token.userId, clientId: token.clientId, tokenId: token.id })
    return token
  }

  function used(token: Token, now = Date.now()): Token {
    usage.touch(token.id, now)
    return acting(token)
  }

  async function byText(text: string): Promise<Token> {
    const record = await records.findByText(text)
    const expiresAt = Number.POSITIVE_INFINITY
    if (record) opaque.set(keepProved({ text: flat(text), id: record.token.id, expiresAt }))
    return used(letIn(record, Date.now()))
  }

  async function byId(id: string): Promise<Token> {
    return used(letIn(await records.find(id), Date.now()))
  }

  /** Answers a text that is answered for the first time, or since something changed. */
  function judge(proved: Proved, now: number): Token | undefined {
    if (proved.expiresAt <= now) throw invalidToken('The access token has expired.')
    const record = records.peek(proved)
    if (!record) return undefined
    const token = letIn(record, now)
    proved.token = token
    proved.heard = records.heard() ?? -1
    proved.until = wholeSecond(Math.min(record.expiresAt, proved.expiresAt))
    return token
  }

  function check(proved: Proved): Token | Promise<Token> {
    const now = Date.now()
    const second = wholeSecond(now)
    const stands = proved.heard === records.heard() && second < proved.until
    const token = stands ? (proved.token as Token) : judge(proved, now)
    if (!token) return byId(proved.id)
    if (proved.usedIn === second) return acting(token)
    proved.usedIn = second
    return used(token, now)
  }

  return function authenticate(text: string): Token | Promise<Token> {
    if (text.startsWith(tokenPrefix)) {
      const known = opaque.get(text)
      if (known) return check(known)
      if (isOpaqueText(tokenPrefix, text)) return byText(text)
    }
    const proved = verifier.recall(text)
    return proved ? check(proved) : verifier.verify(text).then(check)
  }
}

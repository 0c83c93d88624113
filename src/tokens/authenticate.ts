import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { nowActing } from '../audit/actor.ts'
import { invalidToken } from '../guard/errors.ts'
import type { Token } from '../guard/token.ts'
import type { Verifier } from '../guard/verifier.ts'
import { accept, type Records, type TokenRecord, type TokenUser, userBehind } from './records.ts'
import { isOpaqueText } from './text.ts'
import type { Usage } from './usage.ts'

export interface AuthenticateOptions {
  verifier: Verifier
  records: Records
  usage: Usage
  tokenPrefix: string
  /** What a token must be meant for. A JWT says so itself; of an opaque text only its row does. */
  audience: string
  remember?: number
}

/** The user of a request that a token authenticated; null for a machine's. */
export function userOf(request: FastifyRequest): TokenUser | null {
  return userBehind(request.token)
}

/**
 * How this server authenticates: the text is proved once and remembered, what the token may do is asked every time,
 * both from memory. A JWT is proved by its signature, an opaque text by its hash.
 */
export function createAuthenticate(options: AuthenticateOptions) {
  const { verifier, records, usage, tokenPrefix, audience, remember = 100_000 } = options
  const opaque = new LRUCache<string, string>({ max: remember })

  function letIn(record: TokenRecord | undefined): Token {
    const { token, audience: meant } = accept(record)
    if (meant !== null && meant !== audience) throw invalidToken('The access token is meant for another audience.')
    usage.touch(token.id)
    nowActing({ userId: token.userId, clientId: token.clientId })
    return token
  }

  async function byText(text: string): Promise<Token> {
    const record = await records.findByText(text)
    if (record) opaque.set(text, record.token.id)
    return letIn(record)
  }

  async function byId(id: string): Promise<Token> {
    return letIn(await records.find(id))
  }

  function signed(id: string, expiresAt: number): Token | Promise<Token> {
    if (expiresAt <= Date.now()) throw invalidToken('The access token has expired.')
    const record = records.peek(id)
    return record ? letIn(record) : byId(id)
  }

  return function authenticate(text: string): Token | Promise<Token> {
    if (text.startsWith(tokenPrefix)) {
      const id = opaque.get(text)
      if (id !== undefined) return signed(id, Number.POSITIVE_INFINITY)
      if (isOpaqueText(tokenPrefix, text)) return byText(text)
    }
    const proved = verifier.recall(text)
    if (proved) return signed(proved.id, proved.expiresAt)
    return verifier.verify(text).then(({ id, expiresAt }) => signed(id, expiresAt))
  }
}

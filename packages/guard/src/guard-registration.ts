import type { FastifyRequest } from 'fastify'
import type { OwnResourceOptions } from './own-resource.ts'
import type { Token } from './token.ts'

/** Returns the token of a request. @throws PosternError with its challenge */
export type IdentifyRequest = (request: FastifyRequest) => Token | Promise<Token>

/** The key under which the guard stores its registration on the instance; child instances inherit it. */
export const kGuard = Symbol('postern.guard')

/** What a registered guard stores. `actingAs` replaces `identify`. */
export interface GuardRegistration {
  identify: IdentifyRequest
  /** What its options say of the API. */
  resource?: OwnResourceOptions
}

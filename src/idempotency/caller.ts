import type { FastifyRequest } from 'fastify'

/** Who sends a request, as far as keys are concerned: a key of another caller is another key. */
export interface Caller {
  id: string
  /** Part of what the stored response is encrypted with. */
  secret: string
  /** Whether the credentials in the body were checked, so that they say nothing about what is asked for. */
  signedIn?: boolean
}

/**
 * The token or session that a request is authorized by. Another token of the same user is another caller, because it may have
 * fewer rights than a stored response gives.
 * @returns undefined for a request without one: its route claims the key once it knows who signs in
 */
export function callerOf({ token, headers }: FastifyRequest): Caller | undefined {
  if (!token) return undefined
  return { id: `token:${token.id}`, secret: headers.authorization?.replace(/^\S+\s+/, '') ?? '' }
}

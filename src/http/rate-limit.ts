import type { FastifyReply } from 'fastify'

/** A limit, and what is left of it after a request. */
export interface RateLimit {
  name: string
  /** Requests in a window. */
  limit: number
  windowSeconds: number
  remaining: number
  /** Seconds until the window ends. */
  resetSeconds: number
}

/**
 * Says how much of a limit is left, so that clients slow down before they are refused (draft-ietf-httpapi-ratelimit-headers-10).
 * @param rateLimit undefined: the request was not counted
 * @example sendRateLimit(reply, await throttle.limitUnauthenticated(client, peer))
 * // RateLimit-Policy: "requests";q=300;w=900
 * // RateLimit: "requests";r=299;t=900
 */
export function sendRateLimit(reply: FastifyReply, rateLimit: RateLimit | undefined): void {
  if (!rateLimit) return
  const { name, limit, windowSeconds, remaining, resetSeconds } = rateLimit
  reply.header('ratelimit-policy', `"${name}";q=${limit};w=${windowSeconds}`)
  reply.header('ratelimit', `"${name}";r=${remaining};t=${resetSeconds}`)
}

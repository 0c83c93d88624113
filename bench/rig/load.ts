import { setTimeout as pause } from 'node:timers/promises'
import { fetchStatus } from './http.ts'
import type { RigToken, Verifier } from './verifier.ts'
import type { Guard, World } from './world.ts'

/** The tokens that the loops send. Revoked tokens remain in the pool, since they must never be accepted again. */
export interface Pool {
  /** Tokens that are never revoked. */
  steady: RigToken[]
  revoked: RigToken[]
}

/** Number of most recently revoked tokens that the loops send. */
const MAX_RECENT = 100
const RETRY_MS = 20

/**
 * Sends requests to one guard, one after another, until the signal: half of them with revoked tokens.
 * @param betweenMs milliseconds between two requests
 */
export async function loop(
  guard: Guard,
  { steady, revoked }: Pool,
  verifier: Verifier,
  signal: AbortSignal,
  betweenMs = 0,
): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const latest = Math.min(revoked.length, MAX_RECENT)
    const old = i % 2 === 1 && latest > 0 ? revoked.at(-1 - (Math.floor(i / 2) % latest)) : undefined
    const token = old ?? steady[Math.floor(i / 2) % steady.length]
    if (token) await sendRequest(guard, token, verifier)
    if (betweenMs > 0) await pause(betweenMs)
  }
}

/** Sends one request to a guard. @returns the status; 0: there was no response */
export async function sendRequest(guard: Guard, token: RigToken, verifier: Verifier): Promise<number> {
  const sentAt = performance.now()
  try {
    const status = await fetchStatus('GET', `${guard.url}/orders`, token.text)
    verifier.record(guard.name, token, status, sentAt)
    return status
  } catch {
    verifier.recordFailure()
    await pause(RETRY_MS)
    return 0
  }
}

/** Revokes a token at a node or, if that is unavailable, at the next. @returns when it was acknowledged; monotonic */
export async function revoke({ nodes }: World, token: RigToken, first: number, attempts = 500): Promise<number> {
  token.revocationSent = true
  for (let i = 0; i < attempts; i++) {
    const node = nodes[(first + i) % nodes.length]
    const status = await fetchStatus('DELETE', `${node?.url}/api/tokens/current`, token.text).catch(() => 0)
    // A 401 means that it is already revoked: the response to an earlier attempt was lost.
    if (status === 204 || status === 401) {
      token.revokedAt = performance.now()
      return token.revokedAt
    }
    await pause(RETRY_MS)
  }
  throw new Error('no node accepted the revocation')
}

/** Sends requests until the token is rejected. @returns milliseconds from the acknowledgement of its revocation */
export async function untilRejected(
  guard: Guard,
  token: RigToken,
  verifier: Verifier,
  timeoutMs: number,
): Promise<number> {
  const { revokedAt = 0 } = token
  while (performance.now() - revokedAt < timeoutMs) {
    if ((await sendRequest(guard, token, verifier)) === 401) break
  }
  return performance.now() - revokedAt
}

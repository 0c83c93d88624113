import { setTimeout as pause } from 'node:timers/promises'
import { ask } from './http.ts'
import type { Judge, RigToken } from './judge.ts'
import type { Guard, World } from './world.ts'

/** What the loops ask with. Revoked tokens stay in it: they must never open anything again. */
export interface Pool {
  /** Never revoked, and asked again and again. */
  steady: RigToken[]
  revoked: RigToken[]
}

/** Of so many revoked tokens the latest are asked with. */
const LATEST = 100
const TRY_AGAIN_MS = 20

/** Asks one guard, one request after the other, until the signal: half of them with tokens that were revoked. */
export async function loop(guard: Guard, { steady, revoked }: Pool, judge: Judge, signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const latest = Math.min(revoked.length, LATEST)
    const old = i % 2 === 1 && latest > 0 ? revoked.at(-1 - (Math.floor(i / 2) % latest)) : undefined
    const token = old ?? steady[Math.floor(i / 2) % steady.length]
    if (token) await askOnce(guard, token, judge)
  }
}

/** @returns the status; 0: there was no answer */
export async function askOnce(guard: Guard, token: RigToken, judge: Judge): Promise<number> {
  const sentAt = performance.now()
  try {
    const status = await ask('GET', `${guard.url}/orders`, token.text)
    judge.answered(guard.name, token, status, sentAt)
    return status
  } catch {
    judge.failed()
    await pause(TRY_AGAIN_MS)
    return 0
  }
}

/** Revokes a token at one node or, when that is away, at the next. @returns when it was acknowledged; monotonic */
export async function revoke({ nodes }: World, token: RigToken, first: number, tries = 500): Promise<number> {
  token.asked = true
  for (let i = 0; i < tries; i++) {
    const node = nodes[(first + i) % nodes.length]
    const status = await ask('DELETE', `${node?.url}/api/tokens/current`, token.text).catch(() => 0)
    // A 401 says that it is revoked already: an answer that got lost was one.
    if (status === 204 || status === 401) {
      token.revokedAt = performance.now()
      return token.revokedAt
    }
    await pause(TRY_AGAIN_MS)
  }
  throw new Error('no node revokes')
}

/** @returns milliseconds from the acknowledgement to the first refusal */
export async function untilRefused(guard: Guard, token: RigToken, judge: Judge, most: number): Promise<number> {
  const { revokedAt = 0 } = token
  while (performance.now() - revokedAt < most) {
    if ((await askOnce(guard, token, judge)) === 401) break
  }
  return performance.now() - revokedAt
}

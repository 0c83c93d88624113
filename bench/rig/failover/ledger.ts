import { setTimeout as pause } from 'node:timers/promises'
import { fetchStatus } from '../http.ts'
import { rigToken } from '../token.ts'
import type { RigToken } from '../verifier.ts'
import { issueAt } from '../writer.ts'

const RETRY_MS = 20

/** A token, and when its issue was acknowledged. Times are monotonic, in milliseconds. */
export interface Entry extends RigToken {
  issuedAt: number
}

/** Issues and revokes tokens, and keeps what was acknowledged. */
export interface Ledger {
  /** Issues tokens at a node, and revokes every second one, until the signal. */
  write(url: string, token: string, signal: AbortSignal): Promise<void>
  /** Waits for a token that a node issued after this time. @returns when; undefined: none within the timeout */
  writtenAt(url: string, since: number, timeoutMs: number): Promise<number | undefined>
  /** Tokens that were issued, and whose revocation was never requested. */
  live(): Entry[]
  /** Tokens whose revocation was acknowledged. */
  revoked: Entry[]
  /** Responses that must not occur. */
  violations: string[]
}

export function createLedger(): Ledger {
  const entries: Entry[] = []
  const revoked: Entry[] = []
  const violations: string[] = []
  /** When each node issued its last token. */
  const last = new Map<string, number>()

  /** @returns whether the node did it; otherwise nothing is known */
  function acknowledges(status: number, expected: number): boolean {
    // Without a database a node says so; 0: no response in time.
    if (![expected, 503, 0].includes(status)) violations.push(`a node answered ${status} for a change`)
    return status === expected
  }

  async function writeOne(url: string, token: string, isRevoked: boolean): Promise<void> {
    const { status, text } = await issueAt(url, token)
    if (!acknowledges(status, 201)) return void (await pause(RETRY_MS))
    const issuedAt = performance.now()
    last.set(url, issuedAt)
    const entry: Entry = { ...rigToken(text), issuedAt }
    entries.push(entry)
    if (!isRevoked) return
    entry.revocationSent = true
    const answered = await fetchStatus('DELETE', `${url}/api/tokens/current`, text).catch(() => 0)
    if (!acknowledges(answered, 204)) return
    entry.revokedAt = performance.now()
    revoked.push(entry)
  }

  return {
    violations,
    revoked,
    live: () => entries.filter(({ revocationSent }) => !revocationSent),
    async write(url, token, signal) {
      for (let i = 0; !signal.aborted; i++) await writeOne(url, token, i % 2 === 1)
    },
    async writtenAt(url, since, timeoutMs) {
      while (performance.now() - since < timeoutMs) {
        const at = last.get(url) ?? 0
        if (at > since) return at
        await pause(RETRY_MS)
      }
      return undefined
    },
  }
}

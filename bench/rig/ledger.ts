import { setTimeout as pause } from 'node:timers/promises'
import { fetchStatus } from './http.ts'

const RETRY_MS = 20
const TIMEOUT_MS = 10_000

interface Entry {
  text: string
  state: 'issued' | 'revoking' | 'revoked'
}

/** Issues and revokes tokens, and keeps what was acknowledged. */
export interface Ledger {
  /** Issues tokens at a node, and revokes every second one, until the signal. */
  write(url: string, token: string, signal: AbortSignal): Promise<void>
  /** Waits for a token that a node issued after this time. @returns when; undefined: none within the timeout */
  writtenAt(url: string, since: number, timeoutMs: number): Promise<number | undefined>
  /** Texts that were issued, and whose revocation was never requested. */
  live(): string[]
  /** Texts whose revocation was acknowledged. */
  revoked(): string[]
  /** Responses that must not occur. */
  violations: string[]
}

export function createLedger(): Ledger {
  const entries: Entry[] = []
  const violations: string[] = []
  /** When each node issued its last token. */
  const last = new Map<string, number>()
  const withState = (wanted: Entry['state']) => entries.filter(({ state }) => state === wanted).map(({ text }) => text)

  /** @returns whether the node did it; otherwise nothing is known */
  function acknowledges(status: number, expected: number): boolean {
    // Without a database a node says so; 0: no response in time.
    if (![expected, 503, 0].includes(status)) violations.push(`a node answered ${status} for a change`)
    return status === expected
  }

  async function writeOne(url: string, token: string, isRevoked: boolean): Promise<void> {
    const { status, text } = await issue(url, token)
    if (!acknowledges(status, 201)) return void (await pause(RETRY_MS))
    last.set(url, performance.now())
    const entry: Entry = { text, state: 'issued' }
    entries.push(entry)
    if (!isRevoked) return
    entry.state = 'revoking'
    const answered = await fetchStatus('DELETE', `${url}/api/tokens/current`, text).catch(() => 0)
    if (acknowledges(answered, 204)) entry.state = 'revoked'
  }

  return {
    violations,
    live: () => withState('issued'),
    revoked: () => withState('revoked'),
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

/** @returns status 0: there was no response */
async function issue(url: string, token: string): Promise<{ status: number; text: string }> {
  const request = {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'rig', scopes: ['orders:read', 'tokens:read'] }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }
  try {
    const response = await fetch(`${url}/api/tokens`, request)
    const { token: text = '' } = (await response.json()) as { token?: string }
    return { status: response.status, text }
  } catch {
    return { status: 0, text: '' }
  }
}

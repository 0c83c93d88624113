import { basicHeader, type Credentials, type Http } from './http.ts'
import type { Monitor } from './monitor.ts'
import { answerError } from './refusal.ts'

/** What is told to the issuer: when tokens were last used here, and what for. */
export interface Report {
  /** @param at milliseconds since the epoch, by the issuer's clock */
  note(id: string, at: number, scopes: readonly string[]): void
  /** Sends what is left, once. */
  close(): Promise<void>
}

export interface ReportOptions {
  url: () => Promise<string | undefined>
  http: Http
  credentials: Credentials
  monitor: Monitor
  /** Milliseconds from one sending to the next. */
  interval?: number
}

interface Noted {
  at: number
  scopes: Set<string>
}

/** As it is sent. */
interface Use {
  id: string
  at: string
  scopes: string[]
}

const INTERVAL_MS = 10_000
/** What the issuer takes: uses in one batch, scopes of one use, and the bytes of it all with room for the rest. */
const MOST_IN_A_BATCH = 2_000
const MOST_SCOPES = 100
const LARGEST_BATCH = 500_000
/** Tokens held while the issuer is away; one that finds no room is noted again at its next use. */
const MOST_HELD = 20_000

/**
 * Collects uses and sends them now and then, one batch after the other; no request waits for it. A batch that could not
 * be sent joins what came since.
 */
export function createReport({ url, http, credentials, monitor, interval = INTERVAL_MS }: ReportOptions): Report {
  const held = new Map<string, Noted>()
  let sending: Promise<void> | undefined
  const timer = setInterval(() => void flush(), interval).unref()

  function note(id: string, at: number, scopes: Iterable<string>): void {
    let noted = held.get(id)
    if (!noted) {
      if (held.size >= MOST_HELD) return
      noted = { at, scopes: new Set() }
      held.set(id, noted)
    }
    noted.at = Math.max(noted.at, at)
    for (const scope of scopes) if (noted.scopes.size < MOST_SCOPES) noted.scopes.add(scope)
  }

  /** @param most uses */
  function take(most: number): Use[] {
    const batch: Use[] = []
    let bytes = 0
    for (const [id, { at, scopes }] of held) {
      const use = { id, at: new Date(at).toISOString(), scopes: [...scopes] }
      bytes += Buffer.byteLength(JSON.stringify(use)) + 1
      if (batch.length === most || (batch.length > 0 && bytes > LARGEST_BATCH)) break
      batch.push(use)
      held.delete(id)
    }
    return batch
  }

  /** What is held by now; what comes meanwhile waits for the next time. */
  async function send(): Promise<void> {
    for (let left = held.size; left > 0; ) {
      const batch = take(Math.min(left, MOST_IN_A_BATCH))
      left -= batch.length
      if (await arrived(batch)) continue
      for (const { id, at, scopes } of batch) note(id, Date.parse(at), scopes)
      return
    }
  }

  /** true also when the issuer will never take it: sending it again would be in vain. */
  async function arrived(uses: readonly Use[]): Promise<boolean> {
    try {
      const endpoint = await url()
      if (!endpoint) return true
      const { status } = await http.postJson(endpoint, { uses }, basicHeader(credentials))
      if (status < 300) monitor.ok('usage')
      else monitor.failed('usage', answerError(endpoint, status, credentials.clientId))
      return status < 500 && status !== 429
    } catch {
      return false
    }
  }

  function flush(): Promise<void> {
    if (held.size > 0)
      sending ??= send().finally(() => {
        sending = undefined
      })
    return sending ?? Promise.resolve()
  }

  return {
    note,
    async close() {
      clearInterval(timer)
      await sending
      await flush()
    },
  }
}

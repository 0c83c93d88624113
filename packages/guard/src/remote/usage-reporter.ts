import { basicHeader, type Credentials, type HttpClient } from './http.ts'
import { httpStatusError } from './issuer-refusal.ts'
import type { Monitor } from './monitor.ts'

/** What is told to the issuer: when tokens were last used here, and what for. */
export interface UsageReporter {
  /** @param at milliseconds since the epoch, by the issuer's clock */
  add(id: string, at: number, scopes: readonly string[]): void
  /** Sends what is left, once. */
  close(): Promise<void>
}

export interface UsageReporterOptions {
  url: () => Promise<string | undefined>
  http: HttpClient
  credentials: Credentials
  monitor: Monitor
  /** Milliseconds from one sending to the next. */
  intervalMs?: number
}

interface PendingUse {
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
const MAX_BATCH_USES = 2_000
const MAX_SCOPES = 100
const MAX_BATCH_BYTES = 500_000
/** Tokens held while the issuer is away; one that finds no room is noted again at its next use. */
const MAX_PENDING = 20_000

/**
 * Collects uses and sends them now and then, one batch after the other; no request waits for it. A batch that could not
 * be sent joins what came since.
 */
export function createUsageReporter({
  url,
  http,
  credentials,
  monitor,
  intervalMs = INTERVAL_MS,
}: UsageReporterOptions): UsageReporter {
  const pending = new Map<string, PendingUse>()
  let sending: Promise<void> | undefined
  const timer = setInterval(() => void flush(), intervalMs).unref()

  function add(id: string, at: number, scopes: Iterable<string>): void {
    let pendingUse = pending.get(id)
    if (!pendingUse) {
      if (pending.size >= MAX_PENDING) return
      pendingUse = { at, scopes: new Set() }
      pending.set(id, pendingUse)
    }
    pendingUse.at = Math.max(pendingUse.at, at)
    for (const scope of scopes) if (pendingUse.scopes.size < MAX_SCOPES) pendingUse.scopes.add(scope)
  }

  /** @param maxUses uses */
  function takeBatch(maxUses: number): Use[] {
    const batch: Use[] = []
    let bytes = 0
    for (const [id, { at, scopes }] of pending) {
      const use = { id, at: new Date(at).toISOString(), scopes: [...scopes] }
      bytes += Buffer.byteLength(JSON.stringify(use)) + 1
      if (batch.length === maxUses || (batch.length > 0 && bytes > MAX_BATCH_BYTES)) break
      batch.push(use)
      pending.delete(id)
    }
    return batch
  }

  /** What is held by now; what comes meanwhile waits for the next time. */
  async function sendPending(): Promise<void> {
    for (let remaining = pending.size; remaining > 0; ) {
      const batch = takeBatch(Math.min(remaining, MAX_BATCH_USES))
      remaining -= batch.length
      if (await deliver(batch)) continue
      for (const { id, at, scopes } of batch) add(id, Date.parse(at), scopes)
      return
    }
  }

  /** true also when the issuer will never take it: sending it again would be in vain. */
  async function deliver(uses: readonly Use[]): Promise<boolean> {
    try {
      const endpoint = await url()
      if (!endpoint) return true
      const { status } = await http.postJson(endpoint, { uses }, basicHeader(credentials))
      if (status < 300) monitor.ok('usage')
      else monitor.failed('usage', httpStatusError(endpoint, status, credentials.clientId))
      return status < 500 && status !== 429
    } catch {
      return false
    }
  }

  function flush(): Promise<void> {
    if (pending.size > 0)
      sending ??= sendPending().finally(() => {
        sending = undefined
      })
    return sending ?? Promise.resolve()
  }

  return {
    add,
    async close() {
      clearInterval(timer)
      await sending
      await flush()
    },
  }
}

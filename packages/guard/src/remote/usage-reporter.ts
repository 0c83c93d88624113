import { basicHeader, type Credentials, type HttpClient } from './http.ts'
import { httpStatusError } from './issuer-refusal.ts'
import type { Monitor } from './monitor.ts'

/** Reports to the issuer when tokens were last used here, and for which scopes. */
export interface UsageReporter {
  /** @param at milliseconds since the epoch, by the issuer's clock */
  add(id: string, at: number, scopes: readonly string[]): void
  /** Sends the remaining uses, without a retry. */
  close(): Promise<void>
}

export interface UsageReporterOptions {
  /** The endpoint; undefined at an issuer without one. */
  url: () => Promise<string | undefined>
  http: HttpClient
  credentials: Credentials
  monitor: Monitor
  /** Milliseconds between two reports. Default 10,000. */
  intervalMs?: number
}

interface PendingUse {
  at: number
  scopes: Set<string>
}

/** One use, as sent. */
interface Use {
  id: string
  at: string
  scopes: string[]
}

const INTERVAL_MS = 10_000
/** The issuer's limits: uses in one batch, scopes of one use, and the size of the body with some room. */
const MAX_BATCH_USES = 2_000
const MAX_SCOPES = 100
const MAX_BATCH_BYTES = 500_000
/** The maximum number of tokens in memory while the issuer is unavailable. Further ones are added with a later use. */
const MAX_PENDING = 20_000

/**
 * Collects uses and sends them periodically, one batch after the other. No request waits for it. A batch that fails is merged
 * with the uses collected since.
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

  /** Removes a batch from the pending uses. @param maxUses the maximum number of uses */
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

  /** Sends the uses that are pending now. Those added meanwhile wait for the next interval. */
  async function sendPending(): Promise<void> {
    for (let remaining = pending.size; remaining > 0; ) {
      const batch = takeBatch(Math.min(remaining, MAX_BATCH_USES))
      remaining -= batch.length
      if (await deliver(batch)) continue
      for (const { id, at, scopes } of batch) add(id, Date.parse(at), scopes)
      return
    }
  }

  /** @returns false when the batch should be sent again; true also when the issuer permanently rejects it */
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

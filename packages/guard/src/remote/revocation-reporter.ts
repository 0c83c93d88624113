import { basicHeader, type Credentials, type HttpClient } from './http.ts'
import type { LostRevocations } from './lost-revocations.ts'

/** Gives a restored issuer the revocations that it lost (docs/adr/0078). */
export interface RevocationReporter {
  /** Stops, and waits for a report that is being sent. */
  close(): Promise<void>
}

export interface RevocationReporterOptions {
  /** The endpoint; undefined at an issuer without one, to which nothing is sent. */
  url: () => Promise<string | undefined>
  http: Pick<HttpClient, 'postJson'>
  credentials: Credentials
  lost: LostRevocations
  /** Maximum milliseconds before the first report, so that many guards do not send theirs at the same time. Default 1,000. */
  firstMs?: number
  /** Average milliseconds before the next attempt after the issuer refused or failed. Default 30,000. */
  retryMs?: number
}

const FIRST_MS = 1_000
/** An operator may allow it at any time. */
const RETRY_MS = 30_000
/** The issuer's limit. */
const MAX_BATCH = 1_000
/** Statuses of a report that the issuer never accepts. */
const REJECTED = [400, 413, 422]

/**
 * Reports the lost revocations, one batch after the other. No check waits for it. While the issuer refuses, as it does until an
 * operator allows it, they wait: a refusal is no failure of this guard.
 */
export function createRevocationReporter(options: RevocationReporterOptions): RevocationReporter {
  const { url, http, credentials, lost, firstMs = FIRST_MS, retryMs = RETRY_MS } = options
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | undefined
  let closed = false

  function schedule(ms: number): void {
    if (closed || timer || sending || !lost.waiting) return
    timer = setTimeout(send, ms).unref()
  }

  function send(): void {
    timer = undefined
    sending = sendAll()
      .catch(() => false)
      .then(complete => {
        sending = undefined
        schedule(complete ? Math.random() * firstMs : retryMs / 2 + Math.random() * retryMs)
      })
  }

  /** @returns false: the issuer did not accept one of them */
  async function sendAll(): Promise<boolean> {
    const endpoint = await url()
    if (!endpoint) return false
    for (let lists = lost.next(MAX_BATCH); lists.length > 0 && !closed; lists = lost.next(MAX_BATCH)) {
      const { status } = await http.postJson(endpoint, { lists }, basicHeader(credentials))
      if (status >= 300 && !REJECTED.includes(status)) return false
      lost.reported(lists)
    }
    return true
  }

  lost.onAdded = () => schedule(Math.random() * firstMs)

  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await sending
    },
  }
}

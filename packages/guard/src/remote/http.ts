import { unreachable } from './issuer-refusal.ts'

/** What the guard asks of its issuer. */
export interface HttpClient {
  get(url: string, headers?: Record<string, string>): Promise<HttpResponse>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<HttpResponse>
  /** Sent whatever failed before: no check waits for it, and the last one before a close has no second chance. */
  postJson(url: string, body: object, headers?: Record<string, string>): Promise<HttpResponse>
  /** Some URL of the issuer answers slowly or not at all now. */
  readonly slow: boolean
}

export interface HttpResponse {
  status: number
  text: string
  /** Monotonic milliseconds at which it was asked: what it says held then or later. */
  requestedAt: number
}

const TIMEOUT_MS = 5_000
/** What takes longer is slow. */
const SLOW_MS = 1_000
const MAX_BYTES = 8_388_608
/** After a failure the next request to the same URL fails at once for this long, twice as long after each further one. */
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000

interface Failure {
  error: unknown
  pause: number
  until: number
}

/** No redirect is followed: whoever could redirect the issuer's answers could give them. */
export function createHttpClient(): HttpClient {
  const failures = new Map<string, Failure>()
  const slow = new Set<string>()

  async function request(url: string, init: RequestInit): Promise<HttpResponse> {
    const failure = failures.get(url)
    if (failure && performance.now() < failure.until) throw failure.error
    return send(url, init)
  }

  async function send(url: string, init: RequestInit): Promise<HttpResponse> {
    const failure = failures.get(url)
    const requestedAt = performance.now()
    const slowTimer = setTimeout(() => slow.add(url), SLOW_MS).unref()
    try {
      const response = await read(url, init)
      failures.delete(url)
      if (performance.now() - requestedAt < SLOW_MS) slow.delete(url)
      return { ...response, requestedAt }
    } catch (cause) {
      const error = unreachable(url, cause)
      const pause = failure ? Math.min(failure.pause * 2, MAX_PAUSE_MS) : FIRST_PAUSE_MS
      failures.set(url, { error, pause, until: performance.now() + pause })
      if (performance.now() - requestedAt < SLOW_MS) slow.delete(url)
      throw error
    } finally {
      clearTimeout(slowTimer)
    }
  }

  async function read(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
    return { status: response.status, text: await bodyOf(response) }
  }

  return {
    get slow() {
      return slow.size > 0
    },
    get: (url, headers = {}) => request(url, { headers }),
    post: (url, form, headers = {}) => request(url, { method: 'POST', headers, body: new URLSearchParams(form) }),
    postJson: (url, body, headers = {}) =>
      send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
  }
}

/** Bounded by what it inflates to: a few kilobytes of gzip are gigabytes of text. @throws when there is more */
async function bodyOf({ body }: Response): Promise<string> {
  if (!body) return ''
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  // Leaving the loop cancels what is left.
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Client authentication by Basic, both halves form-encoded (RFC 6749 §2.3.1). */
export function basicHeader({ clientId, clientSecret }: Credentials): { authorization: string } {
  const text = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

export interface Credentials {
  clientId: string
  clientSecret: string
}

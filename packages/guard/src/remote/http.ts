import { unreachable } from './issuer-refusal.ts'

/** The HTTP requests of a guard to its issuer. */
export interface HttpClient {
  get(url: string, headers?: Record<string, string>): Promise<HttpResponse>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<HttpResponse>
  /** Ignores the pause after a failure, and does not count as slow: no check waits for it, and the last report before a close cannot be retried. */
  postJson(url: string, body: object, headers?: Record<string, string>): Promise<HttpResponse>
  /** Whether a URL of the issuer currently responds slowly or not at all. */
  readonly slow: boolean
}

export interface HttpResponse {
  status: number
  text: string
  /** Monotonic milliseconds at which the request was sent. The response is at least as recent. */
  requestedAt: number
}

const TIMEOUT_MS = 5_000
/** A request that takes longer counts as slow. */
const SLOW_MS = 1_000
/** The maximum size of a response body, after decompression. */
const MAX_BYTES = 8_388_608
/** After a failure, requests to the same URL fail immediately for this long. Each further failure doubles it. */
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000

interface Failure {
  error: unknown
  pause: number
  until: number
}

/** Redirects are not followed: the issuer's responses must come from its own URL. */
export function createHttpClient(): HttpClient {
  const failures = new Map<string, Failure>()
  const slow = new Set<string>()

  async function request(url: string, init: RequestInit): Promise<HttpResponse> {
    const failure = failures.get(url)
    if (failure && performance.now() < failure.until) throw failure.error
    return send(url, init)
  }

  async function send(url: string, init: RequestInit, tracked = true): Promise<HttpResponse> {
    const failure = failures.get(url)
    const requestedAt = performance.now()
    const slowTimer = setTimeout(() => tracked && slow.add(url), SLOW_MS).unref()
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
      send(
        url,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        },
        false,
      ),
  }
}

/** Limits the decompressed size, since a few kilobytes of gzip can contain gigabytes. @throws Error when it is larger */
async function bodyOf({ body }: Response): Promise<string> {
  if (!body) return ''
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  // Leaving the loop cancels the stream.
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error(`the response is larger than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** HTTP Basic client authentication, id and secret form-encoded (RFC 6749 §2.3.1). */
export function basicHeader({ clientId, clientSecret }: Credentials): { authorization: string } {
  const text = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

/** The credentials of a client (RFC 6749 §2.3.1). */
export interface Credentials {
  clientId: string
  clientSecret: string
}

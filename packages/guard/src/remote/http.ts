import { unreachable } from './refusal.ts'

/** What the guard asks of its issuer. */
export interface Http {
  get(url: string, headers?: Record<string, string>): Promise<Answer>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Answer>
  /** Sent whatever failed before: no check waits for it, and the last one before a close has no second chance. */
  postJson(url: string, body: object, headers?: Record<string, string>): Promise<Answer>
  /** Some URL of the issuer answers slowly or not at all now. */
  readonly slow: boolean
}

export interface Answer {
  status: number
  text: string
  /** Monotonic milliseconds at which it was asked: what it says held then or later. */
  askedAt: number
}

const LONGEST_MS = 5_000
/** What takes longer is slow. */
const SLOW_MS = 1_000
const LARGEST_BYTES = 8_388_608
/** After a failure the next request to the same URL fails at once for this long, twice as long after each further one. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

interface Failure {
  error: unknown
  pause: number
  until: number
}

/** No redirect is followed: whoever could redirect the issuer's answers could give them. */
export function createHttp(): Http {
  const failed = new Map<string, Failure>()
  const slow = new Set<string>()

  async function ask(url: string, init: RequestInit): Promise<Answer> {
    const failure = failed.get(url)
    if (failure && performance.now() < failure.until) throw failure.error
    return send(url, init)
  }

  async function send(url: string, init: RequestInit): Promise<Answer> {
    const failure = failed.get(url)
    const askedAt = performance.now()
    const late = setTimeout(() => slow.add(url), SLOW_MS).unref()
    try {
      const answer = await read(url, init)
      failed.delete(url)
      if (performance.now() - askedAt < SLOW_MS) slow.delete(url)
      return { ...answer, askedAt }
    } catch (cause) {
      const error = unreachable(url, cause)
      const pause = failure ? Math.min(failure.pause * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS
      failed.set(url, { error, pause, until: performance.now() + pause })
      if (performance.now() - askedAt < SLOW_MS) slow.delete(url)
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  async function read(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
    const answer = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(LONGEST_MS) })
    return { status: answer.status, text: await bodyOf(answer) }
  }

  return {
    get slow() {
      return slow.size > 0
    },
    get: (url, headers = {}) => ask(url, { headers }),
    post: (url, form, headers = {}) => ask(url, { method: 'POST', headers, body: new URLSearchParams(form) }),
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
    if (bytes > LARGEST_BYTES) throw new Error(`the answer is larger than ${LARGEST_BYTES} bytes`)
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

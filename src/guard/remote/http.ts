import type { Clock } from './clock.ts'

/** What the guard asks of its issuer. */
export interface Http {
  get(url: string, headers?: Record<string, string>): Promise<Answer>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Answer>
  postJson(url: string, body: object, headers?: Record<string, string>): Promise<Answer>
}

export interface Answer {
  status: number
  text: string
  /** Monotonic milliseconds at which it was asked: what it says held then or later. */
  askedAt: number
}

const LONGEST_MS = 5_000
const LARGEST_BYTES = 8_388_608

/** No redirect is followed: whoever could redirect the issuer's answers could give them. */
export function createHttp(clock: Clock): Http {
  async function ask(url: string, init: RequestInit): Promise<Answer> {
    const askedAt = performance.now()
    const answer = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(LONGEST_MS) })
    clock.hear(dateOf(answer))
    if (Number(answer.headers.get('content-length') ?? 0) > LARGEST_BYTES) throw new Error(`${url} is too large`)
    return { status: answer.status, text: await answer.text(), askedAt }
  }

  return {
    get: (url, headers = {}) => ask(url, { headers }),
    post: (url, form, headers = {}) => ask(url, { method: 'POST', headers, body: new URLSearchParams(form) }),
    postJson: (url, body, headers = {}) =>
      ask(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
  }
}

/** What time it is where the answer was made: a cache on the way keeps its `Date` and counts in `Age` (RFC 9111 §5.1). */
function dateOf({ headers }: Response): number {
  const age = Number(headers.get('age') ?? 0)
  return Date.parse(headers.get('date') ?? '') + (age > 0 ? age * 1000 : 0)
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

import { CommandError } from './errors.ts'

const TIMEOUT_MS = 10_000
const MAX_BYTES = 1_048_576

export interface ApiAnswer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows the route
  body: any
}

/** Requests a JSON route of an issuer. Redirects are not followed. @throws CommandError if it cannot be reached */
export async function requestApi(url: string, token?: string): Promise<ApiAnswer> {
  try {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
    return { status: response.status, body: await bodyOf(response) }
  } catch (error) {
    const { message, cause } = error as Error
    throw new CommandError(`${url} cannot be reached: ${(cause as Error | undefined)?.message ?? message}`)
  }
}

async function bodyOf({ body }: Response): Promise<unknown> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_BYTES) throw new Error('the response is too large')
  }
  return JSON.parse(text)
}

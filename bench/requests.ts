export interface RequestParts {
  method?: string
  path: string
  headers?: Record<string, string>
  /** An object is sent as JSON. */
  body?: string | object
}

/** Serializes a request (RFC 9112), to be sent many times. */
export function request({ method = 'GET', path, headers = {}, body }: RequestParts): Buffer {
  const text = typeof body === 'object' ? JSON.stringify(body) : (body ?? '')
  const all = {
    host: 'localhost',
    ...(typeof body === 'object' && { 'content-type': 'application/json' }),
    ...(text && { 'content-length': String(Buffer.byteLength(text)) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`)
}

/**
 * Parses the length of a response.
 * @param chunk the first bytes, which contain the whole head
 * @returns the length of the response in bytes
 * @throws when the status is not 2xx, or there is no `Content-Length`
 */
export function answerLength(chunk: Buffer): number {
  const head = chunk.indexOf('\r\n\r\n') + 4
  const text = chunk.toString('latin1', 0, head)
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (text.charAt(9) !== '2' || length === undefined) throw new Error(`the response was ${chunk.toString()}`)
  return head + Number(length)
}

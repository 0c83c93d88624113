export interface RequestParts {
  method?: string
  path: string
  headers?: Record<string, string>
  /** An object goes as JSON. */
  body?: string | object
}

/** A request as it goes over the wire (RFC 9112), written once and sent often. */
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
 * Reads of an answer only what a load has to know.
 * @param chunk its first bytes, the whole head among them
 * @returns how long it is, in bytes
 * @throws when it is not a success, or does not say its length
 */
export function answerLength(chunk: Buffer): number {
  const head = chunk.indexOf('\r\n\r\n') + 4
  const text = chunk.toString('latin1', 0, head)
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (text.charAt(9) !== '2' || length === undefined) throw new Error(`the answer was ${chunk.toString()}`)
  return head + Number(length)
}

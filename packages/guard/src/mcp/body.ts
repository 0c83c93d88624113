import type { IncomingMessage } from 'node:http'
import { PosternError } from '../postern-error.ts'
import type { McpRequest } from './request.ts'

/** As the transport of the SDK. */
const MAX_BYTES = 4 * 1024 * 1024

const tooLarge = () =>
  new PosternError({
    status: 413,
    code: 'payload_too_large',
    detail: `The body has more than ${MAX_BYTES} bytes.`,
    headers: { connection: 'close' },
  })

const notJson = () =>
  new PosternError({ status: 400, code: 'bad_request', detail: 'The body is not valid JSON in UTF-8.' })

const notJsonRpc = () =>
  new PosternError({ status: 400, code: 'bad_request', detail: 'The body is not a JSON-RPC message.' })

const incomplete = () =>
  new PosternError({ status: 400, code: 'bad_request', detail: 'The request ended before its body was complete.' })

const notAccepted = () =>
  new PosternError({
    status: 415,
    code: 'unsupported_media_type',
    detail: 'The body must be application/json.',
    headers: { accept: 'application/json' },
  })

/** `_body` is the mark of the body parsers of Express. */
type ParsedRequest = IncomingMessage & McpRequest & { _body?: boolean }

/**
 * Sets `request.body` to the parsed JSON, unless a parser has done so. The guard has to know which tool is called, and the server
 * must read the same: parsers may disagree on a name that occurs twice.
 * @throws PosternError 400, 413 or 415
 */
export async function readBody(request: ParsedRequest): Promise<void> {
  if (request.method !== 'POST') return
  if (!isJson(request.headers['content-type'])) throw notAccepted()
  const body = wasRead(request) ? request.body : await bytesOf(request)
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    const text = typeof body === 'string' ? body : decode(body)
    request.body = parse(text)
    // For body parsers of Express that come later.
    Object.assign(request, { _body: true, rawBody: Buffer.from(text) })
  }
  // The server may take it for a body that nobody has parsed.
  if (request.body === null) throw notJsonRpc()
}

/**
 * Whether `body` comes from the stream. The body parser of Express 4 sets it to `{}` without reading the stream if the body is of
 * a type that it does not parse.
 */
const wasRead = ({ body, readableEnded, _body }: ParsedRequest) =>
  body !== undefined && body !== null && (readableEnded || _body === true)

const isJson = (type = '') => type.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'

/** Discards what is beyond the limit, so that the client can read the response. */
function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    // Something has read it and has not said what it was.
    if (request.readableEnded || request.destroyed) reject(incomplete())
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= MAX_BYTES) chunks.push(chunk)
      else reject(tooLarge())
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', reject)
    request.once('close', () => reject(incomplete()))
  })
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw notJson()
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}

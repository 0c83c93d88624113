import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { FetchError } from './error.ts'
import type { ResolvedAddress } from './resolve.ts'

export interface DocumentRequest {
  url: URL
  /** The addresses that were checked. No others are connected to. */
  addresses: ResolvedAddress[]
  accept: readonly string[]
  maxBytes: number
  etag?: string | undefined
  signal: AbortSignal
  /** Certificates of trusted authorities in PEM. Default: those of Node. */
  ca?: string | undefined
}

/** A response with the status 200, or 304 if the request had an ETag. */
export interface DocumentResponse {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

const MAX_HEADER_BYTES = 8_192

/**
 * One GET request to addresses that were checked. It follows no redirect, accepts no compression and reads at most
 * `maxBytes`.
 * @throws FetchError
 */
export async function requestDocument(request: DocumentRequest): Promise<DocumentResponse> {
  const { signal, etag, maxBytes } = request
  try {
    const response = await send(request)
    assertAcceptable(response, request)
    const { statusCode: status = 0, headers } = response
    if (status === 304 && etag !== undefined) {
      response.destroy()
      return { status, headers, body: Buffer.alloc(0) }
    }
    return { status, headers, body: await readBody(response, maxBytes) }
  } catch (error) {
    if (signal.aborted) throw new FetchError('timeout', 'The host did not send the whole document in time.', error)
    if (error instanceof FetchError) throw error
    throw new FetchError('connection', 'The host does not answer over https with a valid certificate.', error)
  }
}

function send({ url, addresses, accept, etag, signal, ca }: DocumentRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = {
    // A connection of its own: none that was opened to another address is used again.
    agent: false,
    lookup: lookupIn(addresses),
    signal,
    maxHeaderSize: MAX_HEADER_BYTES,
    headers: {
      accept: accept.join(', '),
      'accept-encoding': 'identity',
      'user-agent': 'Postern',
      ...(etag !== undefined && { 'if-none-match': etag }),
    },
    // Even if the environment switches the check off.
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  }
  const request: ClientRequest = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options)
  request.on('response', resolve)
  request.on('error', reject)
  request.on('upgrade', (_response, socket) => {
    socket.destroy()
    reject(new FetchError('response', 'The host switched protocols.'))
  })
  request.end()
  return promise
}

/** Answers with the checked addresses instead of a second look-up, which could find others. */
function lookupIn(addresses: ResolvedAddress[]): LookupFunction {
  const [first] = addresses as [ResolvedAddress]
  return (_host, options, callback) => {
    if (options.all) callback(null, addresses)
    else callback(null, first.address, first.family)
  }
}

function assertAcceptable(response: IncomingMessage, { accept, maxBytes, etag }: DocumentRequest): void {
  const { statusCode, headers } = response
  const refuse = (message: string) => {
    response.destroy()
    return new FetchError('response', message)
  }
  if (statusCode === 304 && etag !== undefined) return
  if (statusCode !== 200) throw refuse(`The host answered with the status ${statusCode} instead of 200.`)
  const [type = ''] = (headers['content-type'] ?? '').split(';')
  if (!accept.includes(type.trim().toLowerCase())) throw refuse(`The document is not ${accept.join(' or ')}.`)
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity') throw refuse('The document is compressed although the request did not accept that.')
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw refuse(tooLarge(maxBytes))
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop destroys the response and its connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new FetchError('response', tooLarge(maxBytes))
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (maxBytes: number) => `The document has more than ${maxBytes} bytes.`

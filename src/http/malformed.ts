import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import { toProblem } from '../errors/errors.ts'
import { ANY_ORIGIN } from './cors.ts'
import { requestError } from './problems.ts'

/**
 * The headers of a problem response that is written without a Fastify reply. Its path may be unknown, and it says nothing
 * about it, so every origin may read it.
 */
const HEADERS = [
  'content-type: application/problem+json',
  'cache-control: no-store',
  'x-content-type-options: nosniff',
  ...Object.entries(ANY_ORIGIN).map(([name, value]) => `${name}: ${value}`),
]

/**
 * Responds with problem details to input that Node's HTTP parser rejects, and closes the connection. The error contains
 * the raw input including credentials, so only its code is logged.
 */
export function malformedProblem(this: FastifyInstance, { code }: ConnectionError, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return
  this.log.trace({ code }, 'received malformed HTTP')
  if (!socket.writable) return void socket.destroy()
  const [status, detail] = REFUSALS[code] ?? NOT_HTTP
  const body = JSON.stringify(toProblem(requestError(status, detail)))
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...HEADERS, `content-length: ${Buffer.byteLength(body)}`]
  socket.end(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy())
}

const NOT_HTTP = [400, 'The request is not valid HTTP.'] as const
const REFUSALS: Record<string, readonly [status: number, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The extensions of the chunks are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request was not received in time.'],
}

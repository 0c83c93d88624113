import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import { toProblem } from '../errors/errors.ts'
import { requestError } from './problems.ts'

/** Headers a problem carries where no reply carries them. */
const HEADERS = ['content-type: application/problem+json', 'cache-control: no-store', 'x-content-type-options: nosniff']

/**
 * Answers what Node's parser refuses before there is a request, with problem details like everything else, and ends the
 * connection. The error holds what was sent, credentials and all, so no more than its code is logged.
 */
export function malformedProblem(this: FastifyInstance, { code }: ConnectionError, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return
  this.log.trace({ code }, 'what was sent is not HTTP')
  if (!socket.writable) return void socket.destroy()
  const [status, detail] = REFUSALS[code] ?? NOT_HTTP
  const body = JSON.stringify(toProblem(requestError(status, detail)))
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...HEADERS, `content-length: ${Buffer.byteLength(body)}`]
  socket.end(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy())
}

const NOT_HTTP = [400, 'What was sent is not HTTP.'] as const
const REFUSALS: Record<string, readonly [status: number, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The extensions of the chunks are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
}

import type { PlainResponse } from '../error-response.ts'
import type { Message } from './messages.ts'

/** "Implementation-defined server-errors" begin here (JSON-RPC 2.0 §5.1). HTTP clients go by the status. */
const SERVER_ERROR = -32_000

/** An error response with a JSON-RPC body. Its `data` are the problem details. */
export function toRpcError({ status, headers, body }: PlainResponse, messages: readonly Message[]): PlainResponse {
  const problem = JSON.parse(body) as { detail: string }
  const [message] = messages
  const error = { code: SERVER_ERROR, message: problem.detail, data: problem }
  const id = messages.length === 1 && isId(message?.id) ? message?.id : null
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', error, id }),
  }
}

const isId = (value: unknown) => typeof value === 'string' || typeof value === 'number'

import type { ServerResponse } from 'node:http'
import type { ErrorResponse } from '../error-response.ts'

/** Sends an error response. Headers that are already set, such as those of CORS, stay. */
export function sendError(response: ServerResponse, { status, headers, body }: ErrorResponse): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}

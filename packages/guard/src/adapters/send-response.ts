import type { ServerResponse } from 'node:http'
import type { PlainResponse } from '../error-response.ts'

/** Sends a response. Headers that are already set, such as those of CORS, stay. */
export function sendResponse(response: ServerResponse, { status, headers, body }: PlainResponse): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}

import type { ServerResponse } from 'node:http'
import type { Refusal } from '../refusal.ts'

/** Headers that are already set, such as those of CORS, stay. */
export function answer(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}

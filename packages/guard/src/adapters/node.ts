import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'
import { sendError } from './send-error.ts'

export * from './public.ts'

/** The token, or undefined for a request that was refused and has its answer. */
export type NodeCheck = (request: IncomingMessage, response: ServerResponse) => Promise<Token | undefined>

/** The guard for `node:http`: `const token = await mayRead(request, response)`, and no further without one. */
export function nodeGuard(options: AdapterOptions): Checks<NodeCheck> {
  return createChecks<NodeCheck>(options, runCheck => async (request, response) => {
    const { token, error } = await runCheck({ request, url: request.url ?? '', headers: request.headers })
    if (error) sendError(response, error)
    return token
  })
}

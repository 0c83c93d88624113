import type { IncomingMessage, ServerResponse } from 'node:http'
import { LruCache } from '../lru-cache.ts'
import { PosternError } from '../postern-error.ts'
import type { Token } from '../token.ts'

const HEADER = 'mcp-session-id'
/** Older sessions are no longer bound. The ids are random, so that they cannot be guessed. */
const MAX_SESSIONS = 100_000

/** Binds sessions of the transport to whoever began them, so that a leaked session id gives access to nothing. */
export interface Sessions {
  /** @throws PosternError 404 for the session of somebody else; clients then begin a new one */
  assertOwned(request: IncomingMessage, token: Token): void
  /** Remembers the session that the response begins. */
  bind(response: ServerResponse, token: Token): void
}

export function createSessions(): Sessions {
  const owners = new LruCache<string, string>(MAX_SESSIONS)
  const ownerOf = ({ userId, clientId }: Token) => JSON.stringify([userId, clientId])

  return {
    assertOwned({ headers }, token) {
      const id = headers[HEADER]
      const owner = typeof id === 'string' ? owners.get(id) : undefined
      if (owner === undefined || owner === ownerOf(token)) return
      throw new PosternError({ status: 404, code: 'not_found', detail: 'There is no such session.' })
    },
    bind(response, token) {
      const { writeHead } = response
      response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
        const id = headerOf(this, args, HEADER)
        if (id !== undefined) owners.set(id, ownerOf(token))
        return writeHead.apply(this, args as never)
      } as typeof writeHead
    },
  }
}

/** A header of the response, as set before or given to `writeHead`. @param args those of `writeHead` */
export function headerOf(response: ServerResponse, args: unknown[], name: string): string | undefined {
  const given = args.find(arg => typeof arg === 'object' && arg !== null && !Array.isArray(arg)) ?? {}
  const entry = Object.entries(given as object).find(([key]) => key.toLowerCase() === name)
  const value: unknown = entry?.[1] ?? response.getHeader(name)
  return value === undefined ? undefined : String(value)
}

import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express, { type RequestHandler } from 'express'
import { type McpGuard, type McpGuardOptions, type McpRequest, mcpGuard } from 'postern/guard/mcp'
import { z } from 'zod'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

/** How the server is written: with Express and sessions, or with `node:http` and without. */
export type Kind = 'express' | 'node'

export interface ProtectedServer {
  url: string
  guard: McpGuard
  /** Ids of users whose calls reached a tool. */
  calls: (string | null)[]
}

type AuthExtra = { authInfo?: { extra?: Record<string, unknown> } }

/** Three tools; each answers with the user. */
function createTools(calls: (string | null)[]): McpServer {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  const answer = ({ authInfo }: AuthExtra) => {
    const user = authInfo?.extra?.userId as string | null
    calls.push(user)
    return { content: [{ type: 'text' as const, text: `for ${user}` }] }
  }
  server.registerTool('list_orders', { description: 'List orders' }, extra => answer(extra))
  server.registerTool('place_order', { description: 'Place an order', inputSchema: { item: z.string() } }, (_, extra) =>
    answer(extra),
  )
  server.registerTool('export_report', { description: 'Export a report' }, extra => answer(extra))
  return server
}

export const TOOLS = { place_order: ['orders:create'], export_report: ['reports', 'reports:export'] }

type Handle = (request: Parameters<McpGuard>[0], response: Parameters<McpGuard>[1]) => Promise<void>

/** Sessions, as most servers of the SDK have them. @param json whether responses are JSON in place of event streams */
function withSessions(calls: (string | null)[], json: boolean): Handle {
  const transports = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    const id = request.headers['mcp-session-id'] as string | undefined
    let transport = id === undefined ? undefined : transports.get(id)
    if (!transport) {
      const created = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        enableJsonResponse: json,
        onsessioninitialized: session => void transports.set(session, created),
      })
      transport = created
      await createTools(calls).connect(transport as never)
    }
    await transport.handleRequest(request as never, response, request.body)
  }
}

function withoutSessions(calls: (string | null)[], json: boolean): Handle {
  return async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: json })
    const server = createTools(calls)
    response.on('close', () => void server.close())
    await server.connect(transport as never)
    await transport.handleRequest(request as never, response, request.body)
  }
}

/** As `express.json()` of Express 4: its body parser sets `{}` whether or not it reads the body. */
export function parseAsExpress4(options: { type?: string } = {}): RequestHandler {
  const parse = express.json(options)
  return (request, response, next) => {
    parse(request, response, error => {
      if (request.readableEnded) Object.assign(request, { _body: true })
      request.body ??= {}
      next(error)
    })
  }
}

/** A server of the official SDK behind the guard. It listens until the test ends. */
export async function protectedServer(
  t: Test,
  kind: Kind,
  options: Omit<McpGuardOptions, 'audience'> & { audience?: string },
  { json = false, parse }: { json?: boolean; parse?: RequestHandler | undefined } = {},
): Promise<ProtectedServer> {
  const port = Number(new URL(options.audience ?? `http://127.0.0.1:${await freePort()}`).port)
  const url = options.audience ?? `http://127.0.0.1:${port}/mcp`
  const guard = mcpGuard({ ...options, audience: url } as McpGuardOptions)
  const calls: (string | null)[] = []
  const server =
    kind === 'express'
      ? expressServer(guard, withSessions(calls, json), parse)
      : nodeServer(guard, withoutSessions(calls, json))
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.close().closeAllConnections()
    await guard.close()
  })
  return { url, guard, calls }
}

function expressServer(guard: McpGuard, handle: Handle, parse: RequestHandler | undefined): Server {
  const app = express()
  app.get('/health', (_request, response) => void response.json({}))
  if (parse) app.use(parse)
  app.use(guard)
  app.all('/mcp', (request, response) => handle(request as never, response))
  return createServer(app)
}

const nodeServer = (guard: McpGuard, handle: Handle): Server =>
  createServer((request: Parameters<McpGuard>[0] & McpRequest, response) =>
    guard(request, response, () => void handle(request, response)),
  )

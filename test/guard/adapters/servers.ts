import { createServer, type Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { checkScopes, type GuardOptions, guard, type Token, tokenOf } from 'postern/guard'
import { expressGuard } from 'postern/guard/express'
import { type GuardVariables, honoGuard } from 'postern/guard/hono'
import { nodeGuard } from 'postern/guard/node'
import type { Test } from 'tap'
import { bearer } from '../../helpers/requester.ts'
import { listen } from './behaviour.ts'

/**
 * The same two routes in the words of each framework, behind `orders:read`: `/read` answers, `/stream` goes on until the
 * token ends, and then says why.
 */
export const FRAMEWORKS: Record<string, (options: GuardOptions) => Promise<{ server: Server; close(): unknown }>> = {
  async fastify(options) {
    const app = Fastify()
    await app.register(guard, options)
    const preHandler = checkScopes('orders:read')
    app.get('/read', { preHandler }, async () => [])
    app.get('/stream', { preHandler }, (request, reply) => {
      reply.hijack()
      stream(tokenOf(request), reply.raw)
    })
    await app.ready()
    return { server: app.server, close: () => app.close() }
  },
  async express(options) {
    const { checkScopes, close } = expressGuard(options)
    const app = express()
    app.get('/read', checkScopes('orders:read'), (_request, response) => void response.json([]))
    app.get('/stream', checkScopes('orders:read'), (request, response) => stream(tokenOf(request), response))
    return { server: createServer(app), close }
  },
  async hono(options) {
    const { checkScopes, close } = honoGuard(options)
    const app = new Hono<{ Variables: GuardVariables }>()
    app.get('/read', checkScopes('orders:read'), c => c.json([]))
    app.get('/stream', checkScopes('orders:read'), c => {
      const { readable, writable } = new TransformStream<string, string>()
      const writer = writable.getWriter()
      void writer.write('open\n')
      c.get('token').onEnd(reason => {
        void writer.write(reason.message)
        void writer.close()
      })
      return c.body(readable.pipeThrough(new TextEncoderStream()))
    })
    return { server: createAdaptorServer({ fetch: app.fetch }) as Server, close }
  },
  async node(options) {
    const { checkScopes, close } = nodeGuard(options)
    const mayRead = checkScopes('orders:read')
    const server = createServer(async (request, response) => {
      const token = await mayRead(request, response)
      if (!token) return
      if (request.url === '/stream') stream(token, response)
      else response.end('[]')
    })
    return { server, close }
  },
}

function stream(token: Token, response: { write(text: string): unknown; end(text: string): unknown }): void {
  response.write('open\n')
  token.onEnd(reason => response.end(reason.message))
}

/** Listens until the test ends. */
export async function serving(t: Test, framework: string, options: GuardOptions) {
  const { server, close } = await (FRAMEWORKS[framework] as (typeof FRAMEWORKS)[string])(options)
  const port = await listen(t, server)
  t.teardown(() => close())
  const get = (path: string, token: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: bearer(token) })
  return {
    /** `/read`, with the body read. */
    async read(token: string) {
      const answer = await get('/read', token)
      return {
        statusCode: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: await answer.text(),
      }
    },
    status: async (token: string) => {
      const answer = await get('/read', token)
      await answer.body?.cancel()
      return answer.status
    },
    /** A stream that is open. @returns what it says when it ends */
    async open(token: string) {
      const answer = await get('/stream', token)
      const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
      let text = String((await reader.read()).value)
      const rest = async () => {
        for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value
        return text
      }
      return { first: text, ended: rest() }
    },
  }
}

/** Asks again while a guard has to say that its issuer does not answer, as one that is busy with other tests. */
export async function untilAnswered<A extends { statusCode: number }>(ask: () => Promise<A>): Promise<A> {
  for (;;) {
    const answer = await ask()
    if (answer.statusCode !== 503) return answer
  }
}

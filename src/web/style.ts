import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyPluginAsync } from 'fastify'

const css = readFileSync(`${import.meta.dirname}/assets/postern.css`, 'utf8')

/** Changes with the stylesheet, so that browsers may keep it for good. */
export const STYLE_PATH = `/assets/postern.css?v=${hash('sha256', css).slice(0, 12)}`

export const styleRoute: FastifyPluginAsync = async app => {
  app.get('/assets/postern.css', { schema: { hide: true } as never }, async (_request, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'public, max-age=31536000, immutable').send(css),
  )
}

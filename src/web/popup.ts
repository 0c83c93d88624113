import type { FastifyInstance } from 'fastify'

const OPENER_POLICY = 'cross-origin-opener-policy'

/**
 * Allows every response of this context, including errors and redirects, in a popup that another origin opened. With the
 * `same-origin` policy of the other pages, the browser would cut the popup off from its opener: the app would see a closed
 * window and never get the response. No page of the flow shows a secret, and none can be framed.
 */
export function allowPopups(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(OPENER_POLICY, 'unsafe-none')
    done()
  })
}

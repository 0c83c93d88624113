import type { FastifyInstance } from 'fastify'

const OPENER_POLICY = 'cross-origin-opener-policy'

/**
 * Lets every response of this context, errors and redirects included, be shown in a popup that another origin opened.
 * With the `same-origin` policy of all other pages, a browser would cut the popup off from its opener for good: the app
 * would see a closed window, and the answer would find nobody. No page of the flow shows a secret, and none can be framed.
 */
export function allowPopups(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(OPENER_POLICY, 'unsafe-none')
    done()
  })
}

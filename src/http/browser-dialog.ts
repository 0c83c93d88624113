import type { FastifyInstance } from 'fastify'

/**
 * Leaves the challenge for Basic out of answers to scripts of our own pages, such as the API explorer: the browser would
 * open a dialog of its own over the page, which shows the answer itself. Browsers say so in headers that no script can
 * set (Fetch Metadata). Every other client gets the challenge, as RFC 6749 §5.2 requires after an `Authorization` header.
 */
export function openNoBrowserDialog(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers
    const isBasic = /^Basic\b/i.test(String(reply.getHeader('www-authenticate') ?? ''))
    if (isBasic && site === 'same-origin' && destination === 'empty') reply.removeHeader('www-authenticate')
    done()
  })
}

import type { FastifyInstance } from 'fastify'

/**
 * Removes the Basic challenge from responses to scripts of our own pages, such as the API explorer: the browser would open
 * a password dialog over the page, which shows the response itself. Such requests are recognized by Fetch Metadata headers,
 * which scripts cannot set. Other clients get the challenge, as RFC 6749 §5.2 requires after an `Authorization` header.
 */
export function openNoBrowserDialog(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const challenge = reply.getHeader('www-authenticate')
    if (challenge === undefined) return done()
    const { 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers
    const isBasic = /^Basic\b/i.test(String(challenge))
    if (isBasic && site === 'same-origin' && destination === 'empty') reply.removeHeader('www-authenticate')
    done()
  })
}

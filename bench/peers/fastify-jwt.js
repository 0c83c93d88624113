import fastifyJwt from '@fastify/jwt'

/** Room for every token, so that none is checked twice; by itself it has room for a thousand. */
const CACHE = 20_000

/**
 * A route guarded by @fastify/jwt with its cache: the signature is checked once, the rest each time. It asks nobody
 * whether a token was revoked.
 * @param app a Fastify application; what is registered stays within it
 */
export async function fastifyJwtRoute(app, { path, handler, publicKey, issuer, audience, scope }) {
  const verify = { algorithms: ['ES256'], allowedIss: issuer, allowedAud: audience, cache: CACHE }
  await app.register(fastifyJwt, { secret: { public: publicKey }, verify })
  const check = async (request, reply) => {
    await request.jwtVerify()
    if (!request.user.scope.split(' ').includes(scope)) return reply.code(403).send()
  }
  app.get(path, { preHandler: check }, handler)
}

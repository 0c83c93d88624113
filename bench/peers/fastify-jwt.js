import fastifyJwt from '@fastify/jwt'

/** Large enough for all tokens, so that no signature is verified twice; the default is 1,000. */
const CACHE = 20_000

/**
 * A route guarded by @fastify/jwt with its cache: the signature is verified once, the claims each time. It does not check
 * revocation.
 * @param app a Fastify application, in which the plugin is encapsulated
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

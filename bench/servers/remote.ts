import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { checkScopes, guard } from '../../packages/guard/src/index.ts'
import { answer, usageCall } from '../processes.ts'

export interface Resource {
  issuer: string
  audience: string
  clientId: string
  clientSecret: string
}

const PEER = join(import.meta.dirname, '../peers/fastify-jwt.js')
const SCOPE = 'orders:read'
const app = Fastify()
const order = async () => ({ id: 1, total: 4200 })
const bearer = ({ headers }: FastifyRequest) => headers.authorization!.slice('Bearer '.length)

/** Serves the same route with each kind of guard. Each checks signature or status, issuer, audience, expiry and scope. */
async function listen(resource: Resource): Promise<string> {
  const metadata = await json(`${resource.issuer}/.well-known/oauth-authorization-server`)
  const keys = (await json(metadata.jwks_uri!)) as unknown as JSONWebKeySet
  await app.register(guard, resource)
  app.get('/open', order)
  app.get('/guarded', { preHandler: checkScopes(SCOPE) }, order)
  app.get('/jose', { preHandler: signatureEachTime(resource, keys) }, order)
  app.get('/introspection', { preHandler: introspectionEachTime(resource, metadata.introspection_endpoint!) }, order)
  const { fastifyJwtRoute } = await import(PEER)
  const publicKey = createPublicKey({ key: keys.keys[0] as JsonWebKey, format: 'jwk' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const peer = { path: '/fastify-jwt', handler: order, publicKey: pem, scope: SCOPE, ...resource }
  await app.register(child => fastifyJwtRoute(child, peer))
  return app.listen({ port: 0, host: '127.0.0.1' })
}

const json = async (url: string) => (await (await fetch(url)).json()) as Record<string, string>

const mayPass = (scope: unknown, reply: FastifyReply) =>
  String(scope).split(' ').includes(SCOPE) ? undefined : reply.code(403).send()

function signatureEachTime({ issuer, audience }: Resource, keys: JSONWebKeySet) {
  const key = createLocalJWKSet(keys)
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const { payload } = await jwtVerify(bearer(request), key, { issuer, audience, typ: 'at+jwt' })
    return mayPass(payload.scope, reply)
  }
}

/** Uses keep-alive connections, which are 2.8 times as fast as `fetch`. */
function introspectionEachTime({ clientId, clientSecret }: Resource, endpoint: string) {
  const agent = new Agent({ keepAlive: true })
  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  app.addHook('onClose', async () => agent.destroy())
  return async (incoming: FastifyRequest, reply: FastifyReply) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const outgoing = request(endpoint, { method: 'POST', agent, headers }).on('response', resolve).on('error', reject)
    outgoing.end(new URLSearchParams({ token: bearer(incoming) }).toString())
    const { active, scope } = JSON.parse(await text(await promise))
    return active === true ? mayPass(scope, reply) : reply.code(401).send()
  }
}

export const calls = answer({ listen, usage: usageCall() }, () => app.close())

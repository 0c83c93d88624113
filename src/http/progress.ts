import type { FastifyReply } from 'fastify'

/** 204 when one token was revoked or none, else 200 with their number. */
export function sendRevoked(reply: FastifyReply, count: number): FastifyReply {
  return count > 1 ? reply.code(200).send({ data: { count } }) : reply.code(204).send(null)
}

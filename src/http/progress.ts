import type { FastifyReply } from 'fastify'
import type { Progress } from '../database/run-batches.ts'

/** 204 when one token was revoked or none, else 200 with their number. */
export function sendRevoked(reply: FastifyReply, count: number): FastifyReply {
  return count > 1 ? reply.code(200).send({ data: { count } }) : reply.code(204).send(null)
}

/** 202 while tokens are left to revoke; else as `sendRevoked` does, with how many this request revoked. */
export function sendProgress(reply: FastifyReply, { count, complete }: Progress): FastifyReply {
  return complete ? sendRevoked(reply, count) : reply.code(202).send({ data: { count, complete } })
}

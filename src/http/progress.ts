import type { FastifyReply } from 'fastify'
import type { Progress } from '../database/run-batches.ts'

/** 204 when a token was revoked and nothing with it, else 200 with how many. @param count itself among them */
export function sendRevoked(reply: FastifyReply, count: number): FastifyReply {
  return count > 1 ? reply.code(200).send({ data: { count } }) : reply.code(204).send(null)
}

/** 204 when nothing is left to do, else 202 with how far the request came. */
export function sendProgress(reply: FastifyReply, { count, complete }: Progress): FastifyReply {
  return complete ? reply.code(204).send(null) : reply.code(202).send({ data: { count, complete } })
}

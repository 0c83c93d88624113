import type { FastifyReply } from 'fastify'
import type { Progress } from '../database/run-batches.ts'

/** 204 when only the token itself was revoked, else 200 with the number of revoked tokens. @param count including itself */
export function sendRevoked(reply: FastifyReply, count: number): FastifyReply {
  return count > 1 ? reply.code(200).send({ data: { count } }) : reply.code(204).send(null)
}

/** 204 when the operation is complete, else 202 with its progress. */
export function sendProgress(reply: FastifyReply, { count, complete }: Progress): FastifyReply {
  return complete ? reply.code(204).send(null) : reply.code(202).send({ data: { count, complete } })
}

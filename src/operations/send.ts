import type { FastifyInstance, FastifyReply } from 'fastify'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { sendRevoked } from '../http/progress.ts'
import type { OperationOptions, OperationProgress } from './operations.ts'
import { toOperation } from './schemas.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The path of the operations that requests to these routes leave. */
    operationsPath: string
  }
}

/** Sets where the operations are read that requests to the routes of `app` leave. */
export const useOperations = (app: FastifyInstance, path: string): void => void app.decorate('operationsPath', path)

/** How a request runs work of many batches: within its time, then in the background. */
export const IN_REQUEST = { timeoutMs: REQUEST_BUDGET_MS, background: true } as const satisfies OperationOptions

/** 202 with the operation that revokes the tokens that are left; else as `sendRevoked` does, with how many this request revoked. */
export function sendProgress(reply: FastifyReply, { count, complete, operation }: OperationProgress): FastifyReply {
  return complete ? sendRevoked(reply, count) : sendUnfinished(reply, { data: { count, complete } }, operation)
}

/** 202 (RFC 9110 §15.3.3) with the operation that revokes the rest, and its URL in `Location`. */
export function sendUnfinished(
  reply: FastifyReply,
  body: object,
  operation: OperationProgress['operation'],
): FastifyReply {
  if (operation) reply.header('location', `${reply.server.operationsPath}/${operation.id}`)
  return reply.code(202).send({ ...body, ...(operation && { operation: toOperation(operation) }) })
}

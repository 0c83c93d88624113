import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkAnyScope, checkScopes } from '../../packages/guard/src/checks.ts'
import { getActor } from '../audit/actor.ts'
import { forbidden, notFound } from '../errors/errors.ts'
import { PageOf, page } from '../http/paging.ts'
import { problem, validationProblem } from '../http/schemas.ts'
import { type OperationScope, type Operations, ownerOf } from './operations.ts'
import * as schemas from './schemas.ts'

const Own = Type.Object({ data: schemas.OperationSchema })
const Managed = Type.Object({ data: schemas.ManagedOperation })

async function find(operations: Operations, id: string, scope: OperationScope = {}) {
  const operation = await operations.find(id, scope)
  if (!operation) throw notFound('operation')
  return operation
}

/** The operations that a user requested. Whoever may request one may read it. */
export function operationRoutes(operations: Operations): FastifyPluginAsyncTypebox {
  const preValidation = checkAnyScope('tokens:read', 'tokens:write', 'clients:read', 'clients:write')
  const mayCancel = checkAnyScope('tokens:write', 'clients:write')
  const own = () => ({ owner: ownerOf(getActor()) })

  return async app => {
    app.get(
      '/operations',
      {
        preValidation,
        schema: {
          ...schemas.listOperations,
          response: { 200: PageOf(schemas.OperationSchema), 422: validationProblem },
        },
      },
      async ({ query }) => page(query, asked => operations.list(own(), asked), schemas.toOperation),
    )

    app.get(
      '/operations/:id',
      { preValidation, schema: { ...schemas.getOperation, response: { 200: Own, 404: schemas.unknown } } },
      async ({ params }) => ({ data: schemas.toOperation(await find(operations, params.id, own())) }),
    )

    app.post(
      '/operations/:id/cancel',
      {
        // As on the page.
        config: { needsFreshSignIn: true },
        preValidation: mayCancel,
        schema: {
          ...schemas.cancelOperation,
          response: {
            200: Own,
            403: problem('Another token requested it'),
            404: schemas.unknown,
            409: schemas.ended,
          },
        },
      },
      async ({ params }) => {
        const { id, actor } = await find(operations, params.id, own())
        const { tokenId, sessionId } = getActor()
        // Whoever stole a token must not stop its revocation.
        if (sessionId === null && tokenId !== actor.tokenId)
          throw forbidden('Only the token that requested the operation may cancel it.')
        return { data: schemas.toOperation(await operations.cancel(id)) }
      },
    )
  }
}

/** All operations, for administrators. */
export function adminOperations(operations: Operations): FastifyPluginAsyncTypebox {
  // Whoever may start one may follow it.
  const mayRead = checkAnyScope('admin:read', 'admin:write')
  const mayWrite = checkScopes('admin:write')

  return async app => {
    app.get(
      '/operations',
      {
        preValidation: mayRead,
        schema: {
          ...schemas.adminListOperations,
          response: { 200: PageOf(schemas.ManagedOperation), 422: validationProblem },
        },
      },
      async ({ query }) => page(query, asked => operations.list({}, asked), schemas.toManagedOperation),
    )

    app.get(
      '/operations/:id',
      {
        preValidation: mayRead,
        schema: { ...schemas.adminGetOperation, response: { 200: Managed, 404: schemas.unknown } },
      },
      async ({ params }) => ({ data: schemas.toManagedOperation(await find(operations, params.id)) }),
    )

    app.post(
      '/operations/:id/cancel',
      {
        preValidation: mayWrite,
        schema: {
          ...schemas.adminCancelOperation,
          response: { 200: Managed, 404: schemas.unknown, 409: schemas.ended },
        },
      },
      async ({ params }) => {
        const { id } = await find(operations, params.id)
        return { data: schemas.toManagedOperation(await operations.cancel(id)) }
      },
    )
  }
}

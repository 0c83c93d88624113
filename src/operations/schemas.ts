import { type TProperties, Type } from 'typebox'
import { paging } from '../http/paging.ts'
import { closed, Named, Nullable, problem, Time, Uuid } from '../http/schemas.ts'
import { OPERATION_STATUSES, type Operation } from './operation.entity.ts'

const properties = {
  id: Type.String({ format: 'uuid' }),
  kind: Type.String({ examples: ['revoke_personal_tokens'], description: 'What it does' }),
  status: Type.Enum([...OPERATION_STATUSES], { examples: ['running'] }),
  count: Type.Integer({ examples: [90_000], description: 'How many tokens it has revoked' }),
  total: Nullable(
    Type.Integer({ examples: [850_000], description: 'About how many it is going to revoke; null: unknown' }),
  ),
  created_at: Time(),
  updated_at: Time(),
  finished_at: Nullable(Time('null: it is running')),
}

export const OperationSchema = Named('Operation', Type.Object(properties))

const owner = Nullable(Type.String({ description: 'The user whose tokens it revokes; null: of several' }))
const client = Nullable(Type.String({ description: 'The client whose tokens it revokes; null: of several' }))
const ManagedOperation = Named('ManagedOperation', Type.Object({ ...properties, user_id: owner, client_id: client }))

/** The JSON of an operation. */
export const toOperation = ({ id, kind, status, count, total, createdAt, updatedAt, finishedAt }: Operation) => ({
  id,
  kind,
  status,
  count,
  // Tokens that are issued meanwhile may make it more than was counted.
  total: total === null ? null : Math.max(total, count),
  created_at: createdAt,
  updated_at: updatedAt,
  finished_at: finishedAt,
})

export const toManagedOperation = (operation: Operation) => ({
  ...toOperation(operation),
  user_id: operation.input.user ?? null,
  client_id: operation.input.client ?? null,
})

const operation = Type.Optional({
  ...OperationSchema,
  description: 'Revokes the rest. Without it, repeat the request to continue: the database did not answer',
})

const DESCRIPTION = 'Not all tokens are revoked yet. The operation that `Location` names revokes the rest'

/** The response to a request whose work goes on in the background, with what else it says. */
export const unfinishedWith = <T extends TProperties>(body: T) => ({
  ...Type.Object({ ...body, operation }),
  description: DESCRIPTION,
})

export const unfinished = {
  ...Named(
    'Unfinished',
    unfinishedWith({
      data: Type.Object({
        count: Type.Integer({ examples: [90_000], description: 'Tokens that this request revoked' }),
        complete: Type.Literal(false),
      }),
    }),
  ),
  description: DESCRIPTION,
}

const params = Type.Object({ id: Uuid('Id of an operation') })
const unknown = problem('There is no such operation')

const describe = (whose: string) => ({
  list: {
    summary: `List the operations ${whose}`,
    description: 'Revocations that go on after the response, newest first. One that has ended can be read for a week.',
    querystring: Type.Object(paging, closed),
  },
  find: {
    summary: `Get an operation ${whose}`,
    description: 'How far it is. Ask once a second until `status` is not `running`.',
    params,
  },
})

/** Shared by the routes of one place. */
const at = (tag: string) => ({ tags: [tag] })

const own = describe('that you requested')
export const listOperations = { operationId: 'listOperations', ...own.list, ...at('Tokens') }
export const getOperation = { operationId: 'getOperation', ...own.find, ...at('Tokens') }
export const cancelOperation = {
  operationId: 'cancelOperation',
  summary: 'Cancel an operation that you requested',
  description:
    'Ends it. What it has revoked stays revoked. Only the token that requested it may do so, or a signed-in browser; an ' +
    'administrator may cancel any.',
  params,
  ...at('Tokens'),
}

const all = describe('of the deployment')
export const adminListOperations = { operationId: 'adminListOperations', ...all.list, ...at('Administration') }
export const adminGetOperation = { operationId: 'adminGetOperation', ...all.find, ...at('Administration') }
export const adminCancelOperation = {
  operationId: 'adminCancelOperation',
  summary: 'Cancel an operation',
  description: 'Ends it. What it has revoked stays revoked.',
  params,
  ...at('Administration'),
}

export const ended = problem('The operation has ended already')
export { ManagedOperation, unknown }

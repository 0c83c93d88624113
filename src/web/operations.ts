import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { notFound } from '../errors/errors.ts'
import type { Operation } from '../operations/operation.entity.ts'
import type { Operations } from '../operations/operations.ts'
import { type ConfirmOptions, createConfirm } from './confirm.ts'
import { formatNumber, plural } from './numbers.ts'
import { idOf } from './query.ts'
import { requireSignedIn, signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface OperationPagesOptions extends ConfirmOptions {
  site: Site
  operations: Operations
}

const text = texts.operations

/** The path of the page that shows how far an operation is. */
export const operationPath = ({ id }: Operation): string => `/operations/${id}`

/** The progress of an operation, for whoever requested it and for administrators. */
export function operationPages(options: OperationPagesOptions): FastifyPluginAsync {
  const { site, operations } = options
  async function find(request: FastifyRequest): Promise<Operation> {
    const { id, role } = signedInOf(request).user
    const operation = await operations.find(idOf(request), role === 'admin' ? {} : { owner: id })
    if (!operation) throw notFound('operation')
    return operation
  }

  return async app => {
    requireSignedIn(app, { site })
    app.addHook('preHandler', createConfirm(options))

    app.get('/operations/:id', async (request, reply) => {
      const operation = await find(request)
      const isOwn = operation.input.user === signedInOf(request).user.id
      const [section, back] = placeOf(operation, isOwn)
      const data = { title: text.title, section, operation, back: site.base + back }
      const live = operation.status === 'running'
      return reply.page('operation.eta', { ...data, ...progressOf(operation) }, { live })
    })

    app.post('/operations/:id/cancel', async (request, reply) => {
      const { id } = await find(request)
      const { count } = await operations.cancel(id)
      return reply.redirectTo(`/operations/${id}`, 'operationCancelled', { count: String(count) })
    })
  }
}

/** How far it is, in numbers and words. Tokens that are issued meanwhile may make it more than was counted. */
export function progressOf({ status, count, total }: Operation) {
  if (total === null || status === 'succeeded') return { words: plural(text.revoked, count) }
  const max = Math.max(total, count, 1)
  return { max, words: plural(text.ofTotal, max).replace('{done}', () => formatNumber(count)) }
}

/** Where the person was before. */
function placeOf({ kind, input }: Operation, isOwn: boolean): ['apps' | 'manage' | 'tokens', string] {
  if (kind === 'withdraw_authorization' && isOwn) return ['apps', '/apps']
  if (kind === 'revoke_tokens') return ['manage', input.signed_from === undefined ? '/manage/tokens' : '/manage/keys']
  return isOwn && kind === 'revoke_personal_tokens' ? ['tokens', '/tokens'] : ['manage', `/manage/users/${input.user}`]
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { EVENT_KINDS } from '../audit/event.entity.ts'
import type { AuditLog } from '../audit/log.ts'
import { PageOf, type PageRequest, page, paging } from '../http/paging.ts'
import { closed, Uuid, validationProblem } from '../http/schemas.ts'
import { parseOptionalDateTime } from '../http/time.ts'
import type { ShowUserId, UserIds } from '../users/user-ids.ts'
import { AuditEventSchema, toEvent, UserIdFilter } from './schemas.ts'

const DateTime = Type.String({ format: 'date-time', maxLength: 64 })

export function adminAudit(auditLog: AuditLog, userIds: UserIds): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/audit',
      {
        preValidation: checkScopes('admin:read'),
        schema: {
          operationId: 'adminListAudit',
          summary: 'List audit events',
          description:
            'Newest first; who did what, to whom, with which token or in which session, and from where. Events of authentication, successful or not, have the `user_agent` in `details`. All conditions must hold: `user_id`, `client_id` and `token_id` find what was done to or by them.',
          tags: ['Administration'],
          querystring: Type.Object(
            {
              ...paging,
              kind: Type.Optional(Type.Enum([...EVENT_KINDS])),
              user_id: UserIdFilter,
              client_id: Type.Optional(Uuid()),
              token_id: Type.Optional(Uuid()),
              since: Type.Optional(DateTime),
              until: Type.Optional(DateTime),
            },
            closed,
          ),
          response: { 200: PageOf(AuditEventSchema), 422: validationProblem },
        },
      },
      async ({ query }) => {
        const { kind, user_id, client_id, token_id, since, until } = query
        const filter = {
          kind,
          userId: user_id === undefined ? undefined : await userIds.rowOf(user_id),
          clientId: client_id,
          tokenId: token_id,
          since: parseOptionalDateTime('since', since),
          until: parseOptionalDateTime('until', until),
        }
        let shown: ShowUserId = row => row
        const fetch = async (pageRequest: PageRequest) => {
          const events = await auditLog.list(filter, pageRequest)
          shown = await userIds.shown(events.flatMap(({ userId, actorUserId }) => [userId, actorUserId]))
          return events
        }
        return page(query, fetch, event => toEvent(event, shown))
      },
    )
  }
}

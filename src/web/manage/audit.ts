import type { FastifyPluginAsync } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import { EVENT_KINDS } from '../../audit/event.entity.ts'
import type { AuditFilter, AuditLog } from '../../audit/log.ts'
import { badRequest } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Users } from '../../users/users.ts'
import { listPage, queryParams } from '../query.ts'
import { formErrorOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { dayFrom, idFrom, userOf } from './filter.ts'

export interface ManageAuditOptions {
  site: Site
  auditLog: AuditLog
  users: Users
  displayNames: DisplayNames
}

const text = texts.manage.audit

/** The audit log. */
export function manageAudit({ site, auditLog, users, displayNames }: ManageAuditOptions): FastifyPluginAsync {
  async function filterOf({ kind, user, client, token, since, until }: Params): Promise<AuditFilter> {
    const known = EVENT_KINDS.find(k => k === kind)
    if (kind !== undefined && !known) throw badRequest(text.noKind)
    return {
      kind: known,
      userId: (await userOf(users, user))?.id,
      clientId: idFrom('client', client),
      tokenId: idFrom('token', token),
      since: dayFrom('since', since),
      until: dayFrom('until', until),
    }
  }

  async function found(query: Params) {
    const filter = await filterOf(query)
    const list = await listPage(
      `${site.base}/manage/audit`,
      query,
      pageRequest => auditLog.list(filter, pageRequest),
      event => event,
    )
    const people = await displayNames.users(list.rows.flatMap(({ userId, actorUserId }) => [userId, actorUserId]))
    const apps = await displayNames.clients(
      list.rows.flatMap(({ clientId, actorClientId }) => [clientId, actorClientId]),
    )
    return { list, people, apps }
  }

  return async app => {
    app.get('/audit', async (request, reply) => {
      const query = queryParams(request)
      const data = { title: text.title, section: 'manage', tab: 'audit', query, kinds: EVENT_KINDS } as const
      try {
        return reply.page('manage/audit.eta', { ...data, ...(await found(query)) })
      } catch (error) {
        const { status, message } = formErrorOf(error)
        return reply.page('manage/audit.eta', { ...data, refusal: message }, { status })
      }
    })
  }
}

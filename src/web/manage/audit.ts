import type { FastifyPluginAsync } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import { EVENT_KINDS, type EventKind } from '../../audit/event.entity.ts'
import type { AuditFilter, AuditLog } from '../../audit/log.ts'
import { checkAllAsync, invalid } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { formErrorOf } from '../form-error.ts'
import { listPage, queryParams } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { auditCsv } from './audit-csv.ts'
import { detailsOf, usersIn } from './audit-details.ts'
import { dayFrom, idFrom, userOf } from './filter.ts'

export interface ManageAuditOptions {
  site: Site
  auditLog: AuditLog
  users: Users
  userIds: Pick<UserIds, 'rowOf'>
  displayNames: DisplayNames
}

const text = texts.manage.audit

/** The audit log. */
export function manageAudit({ site, auditLog, users, userIds, displayNames }: ManageAuditOptions): FastifyPluginAsync {
  async function filterOf({ kind, user, client, token, since, until }: Params): Promise<AuditFilter> {
    return checkAllAsync({
      kind: async () => kindFrom(kind),
      userId: async () => (await userOf({ ...users, ...userIds }, user))?.id,
      clientId: async () => idFrom('client', client),
      tokenId: async () => idFrom('token', token),
      since: async () => dayFrom('since', since),
      until: async () => dayFrom('until', until),
    })
  }

  async function found(query: Params) {
    const filter = await filterOf(query)
    const list = await listPage(
      `${site.base}/manage/audit`,
      query,
      pageRequest => auditLog.list(filter, pageRequest),
      event => event,
    )
    const people = await displayNames.users([
      ...list.rows.flatMap(({ userId, actorUserId }) => [userId, actorUserId]),
      ...usersIn(list.rows),
    ])
    const apps = await displayNames.clients(
      list.rows.flatMap(({ clientId, actorClientId }) => [clientId, actorClientId]),
    )
    const details = new Map(list.rows.map(event => [event.id, detailsOf(event, site.base, people)]))
    return { list, people, apps, details }
  }

  /** The same list as a file, without the page it is on. */
  const csvUrl = ({ cursor: _, ...query }: Params) =>
    `${site.base}/manage/audit.csv?${new URLSearchParams(query as Record<string, string>)}`

  return async app => {
    app.get('/audit.csv', async (request, reply) => {
      const { cursor: _, ...query } = queryParams(request)
      const file = await auditCsv({ auditLog, displayNames }, await filterOf(query))
      reply.type('text/csv; charset=utf-8; header=present')
      return reply.header('content-disposition', 'attachment; filename="audit.csv"').send(file)
    })

    app.get('/audit', async (request, reply) => {
      const query = queryParams(request)
      const more = { query, kinds: EVENT_KINDS, csv: csvUrl(query) }
      const data = { title: text.title, section: 'manage', tab: 'audit', ...more } as const
      try {
        return reply.page('manage/audit.eta', { ...data, ...(await found(query)) })
      } catch (error) {
        return reply.page('manage/audit.eta', { ...data, refusal: formErrorOf(error) })
      }
    })
  }
}

/** @throws 422 */
function kindFrom(given: string | undefined): EventKind | undefined {
  const known = EVENT_KINDS.find(kind => kind === given)
  if (given === undefined || known) return known
  throw invalid({ path: 'kind', message: text.noKind })
}

import type { FastifyPluginAsync } from 'fastify'
import type { Names } from '../../admin/names.ts'
import { EVENT_KINDS } from '../../audit/event.entity.ts'
import type { Trail, TrailFilter } from '../../audit/trail.ts'
import { badRequest } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Users } from '../../users/users.ts'
import { asked, listed } from '../query.ts'
import { refusalOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { dayFrom, idFrom, userOf } from './choice.ts'

export interface ManageAuditOptions {
  site: Site
  trail: Trail
  users: Users
  names: Names
}

const text = texts.manage.audit

/** Who did what to whom, from where. */
export function manageAudit({ site, trail, users, names }: ManageAuditOptions): FastifyPluginAsync {
  async function filterOf({ kind, user, client, token, since, until }: Params): Promise<TrailFilter> {
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
    const list = await listed(
      `${site.base}/manage/audit`,
      query,
      wish => trail.list(filter, wish),
      event => event,
    )
    const people = await names.users(list.rows.flatMap(({ userId, actorUserId }) => [userId, actorUserId]))
    const apps = await names.clients(list.rows.flatMap(({ clientId, actorClientId }) => [clientId, actorClientId]))
    return { list, people, apps }
  }

  return async app => {
    app.get('/audit', async (request, reply) => {
      const query = asked(request)
      const data = { title: text.title, section: 'manage', tab: 'audit', query, kinds: EVENT_KINDS } as const
      try {
        return reply.page('manage/audit.eta', { ...data, ...(await found(query)) })
      } catch (error) {
        const { status, message } = refusalOf(error)
        return reply.page('manage/audit.eta', { ...data, refusal: message }, { status })
      }
    })
  }
}

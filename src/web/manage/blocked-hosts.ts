import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { BlockedHosts } from '../../clients/blocked-hosts.ts'
import type { Params } from '../../grants/grant.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { texts } from '../texts.ts'

export interface ManageBlockedHostsOptions {
  blockedHosts: BlockedHosts
}

const text = texts.manage.blockedHosts

/** The hosts whose clients, by their metadata documents, are refused. */
export function manageBlockedHosts({ blockedHosts }: ManageBlockedHostsOptions): FastifyPluginAsync {
  async function show(reply: FastifyReply, host = '', refusal?: FormError) {
    const hosts = await blockedHosts.list()
    const data = { title: text.title, section: 'manage' as const, tab: 'clients', hosts, refusal }
    return reply.page('manage/blocked-hosts.eta', { ...data, host })
  }

  return async app => {
    app.get('/blocked-hosts', async (_request, reply) => show(reply))

    app.post('/blocked-hosts', async (request, reply) => {
      const { host = '' } = (request.body ?? {}) as Params
      try {
        await blockedHosts.block(host)
      } catch (error) {
        return show(reply, host, formErrorOf(error))
      }
      return reply.redirectTo('/manage/blocked-hosts', 'hostBlocked', { host })
    })

    app.post('/blocked-hosts/unblock', async (request, reply) => {
      const { host = '' } = (request.body ?? {}) as Params
      await blockedHosts.unblock(host)
      return reply.redirectTo('/manage/blocked-hosts', 'hostUnblocked', { host })
    })
  }
}

import type { FastifyPluginAsync } from 'fastify'
import type { ServiceAccounts } from '../../service-accounts/accounts.ts'
import { listPage, queryParams } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface AccountListOptions {
  site: Site
  serviceAccounts: Pick<ServiceAccounts, 'list'>
}

/** The service accounts that the user looks after. */
export function accountList({ site, serviceAccounts }: AccountListOptions): FastifyPluginAsync {
  return async app => {
    app.get('/service-accounts', async (request, reply) => {
      const maintainer = signedInOf(request).user.id
      const list = await listPage(
        `${site.base}/service-accounts`,
        queryParams(request),
        pageRequest => serviceAccounts.list({ ...pageRequest, maintainer }),
        account => account,
      )
      const { title } = texts.serviceAccounts
      return reply.page('tokens/accounts.eta', { title, section: 'tokens', list })
    })
  }
}

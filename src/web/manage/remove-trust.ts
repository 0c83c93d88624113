import type { FastifyPluginAsync } from 'fastify'
import type { Trusts } from '../../trusts/trusts.ts'
import { phrase } from '../phrase.ts'
import { idOf } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

const text = texts.manage.trusts
const frame = { section: 'manage' as const, tab: 'trusts' }

/** Pages that remove a trust. */
export function removeTrust({ site, trusts }: { site: Site; trusts: Trusts }): FastifyPluginAsync {
  const path = `${site.base}/manage/trusts`

  return async app => {
    app.get('/trusts/:id/remove', async (request, reply) => {
      const { id, name } = await trusts.find(idOf(request))
      const { title, question, detail, submit } = text.remove
      const data = { ...frame, title, headingHtml: phrase(question, { name }), detail, submit }
      return reply.page('confirm-action.eta', { ...data, action: `${path}/${id}/remove`, back: `${path}/${id}` })
    })

    app.post('/trusts/:id/remove', async (request, reply) => {
      const { trust, revoked } = await trusts.remove(idOf(request))
      return reply.redirectTo('/manage/trusts', 'trustRemoved', { name: trust.name, n: String(revoked) })
    })
  }
}

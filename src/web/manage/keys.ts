import type { FastifyPluginAsync } from 'fastify'
import { ALGORITHMS } from '../../config.ts'
import { badRequest } from '../../errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Keys } from '../../keys/keys.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

const text = texts.manage.keys
const section = 'manage' as const
const tab = 'keys'

/** What tokens are signed with, and its rotation. */
export function manageKeys({ site, keys }: { site: Site; keys: Keys }): FastifyPluginAsync {
  const back = `${site.base}/manage/keys`

  return async app => {
    app.get('/keys', async (_request, reply) =>
      reply.page('manage/keys.eta', { title: text.title, section, tab, keys: (await keys.list()).reverse() }),
    )

    app.get('/keys/rotate', (_request, reply) => {
      const data = { title: text.rotate.title, section, tab, algorithms: ALGORITHMS }
      return reply.page('manage/key-rotate.eta', { ...data, action: `${back}/rotate`, back })
    })

    app.post('/keys/rotate', async (request, reply) => {
      const { algorithm } = (request.body ?? {}) as Params
      const chosen = ALGORITHMS.find(known => known === algorithm)
      if (algorithm !== undefined && !chosen) throw badRequest(`algorithm must be one of ${ALGORITHMS.join(', ')}.`)
      const { id } = await keys.rotate(chosen)
      return reply.goOn('/manage/keys', 'keysRotated', { id })
    })
  }
}

import type { FastifyPluginAsync } from 'fastify'
import { ALGORITHMS } from '../../config.ts'
import { badRequest } from '../../errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Keys } from '../../keys/keys.ts'
import type { Outcome } from '../../keys/rotation.ts'
import { signsFrom } from '../../keys/schedule.ts'
import type { NoticeName } from '../notice.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { exactly } from '../times.ts'

const text = texts.manage.keys
const section = 'manage' as const
const tab = 'keys'

const NOTICES: Record<Outcome, NoticeName> = {
  signs: 'keysRotated',
  early: 'keysRotatedEarly',
  scheduled: 'keysScheduled',
  waiting: 'keysWaiting',
}

/** What tokens are signed with, and its rotation. */
export function manageKeys({ site, keys }: { site: Site; keys: Keys }): FastifyPluginAsync {
  const back = `${site.base}/manage/keys`

  return async app => {
    app.get('/keys', async (_request, reply) => {
      const rows = (await keys.list()).reverse().map(key => ({ key, signsFrom: signsFrom(key) }))
      return reply.page('manage/keys.eta', { title: text.title, section, tab, rows })
    })

    app.get('/keys/rotate', (_request, reply) => {
      const data = { title: text.rotate.title, section, tab, algorithms: ALGORITHMS }
      return reply.page('manage/key-rotate.eta', { ...data, action: `${back}/rotate`, back })
    })

    app.post('/keys/rotate', async (request, reply) => {
      const { algorithm, now } = (request.body ?? {}) as Params
      const chosen = ALGORITHMS.find(known => known === algorithm)
      if (algorithm !== undefined && !chosen) throw badRequest(`algorithm must be one of ${ALGORITHMS.join(', ')}.`)
      const key = await keys.rotate(chosen, { now: now !== undefined })
      const time = `${exactly(signsFrom(key) as Date)} UTC`
      return reply.goOn('/manage/keys', NOTICES[key.outcome], { id: key.id, time })
    })
  }
}

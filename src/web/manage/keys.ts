import type { FastifyPluginAsync } from 'fastify'
import { revokeKey } from '../../admin/revoke-key.ts'
import { ALGORITHMS } from '../../config/config.ts'
import { badRequest, notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Keys } from '../../keys/keys.ts'
import type { RotationOutcome } from '../../keys/rotation.ts'
import { signsFrom } from '../../keys/schedule.ts'
import { IN_REQUEST } from '../../operations/send.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import type { NoticeName } from '../notice.ts'
import { operationPath } from '../operations.ts'
import { phrase } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { formatExact } from '../times.ts'

const text = texts.manage.keys
const section = 'manage' as const
const tab = 'keys'

const NOTICES: Record<RotationOutcome, NoticeName> = {
  signs: 'keysRotated',
  early: 'keysRotatedEarly',
  scheduled: 'keysScheduled',
  waiting: 'keysWaiting',
}

export interface ManageKeysOptions {
  site: Site
  keys: Keys
  tokenAdmin: TokenAdmin
}

/** Signing keys: list, rotate and revoke. */
export function manageKeys({ site, keys, tokenAdmin }: ManageKeysOptions): FastifyPluginAsync {
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
      const time = `${formatExact(signsFrom(key) as Date)} UTC`
      return reply.redirectTo('/manage/keys', NOTICES[key.outcome], { id: key.id, time })
    })

    app.get<{ Params: { id: string } }>('/keys/:id/revoke', async ({ params }, reply) => {
      const key = (await keys.list()).find(({ id, revokedAt }) => id === params.id && !revokedAt)
      if (!key) throw notFound('key')
      const { heading, detail, submit } = text.revoke
      const headingHtml = phrase(heading, { id: key.id })
      const data = { title: text.title, section, tab, headingHtml, detail, submit }
      return reply.page('confirm-action.eta', { ...data, action: `${back}/${key.id}/revoke`, back })
    })

    app.post<{ Params: { id: string } }>('/keys/:id/revoke', async ({ params }, reply) => {
      const { key, tokens } = await revokeKey({ keys, tokenAdmin }, params.id, IN_REQUEST)
      if (tokens.operation) return reply.redirectTo(operationPath(tokens.operation))
      return reply.redirectTo('/manage/keys', 'keysRevoked', { id: key.id, count: String(tokens.count) })
    })
  }
}

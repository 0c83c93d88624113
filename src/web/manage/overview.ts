import type { FastifyPluginAsync } from 'fastify'
import { type ReadStatistics, SPANS } from '../../admin/statistics.ts'
import { queryParams } from '../query.ts'
import { texts } from '../texts.ts'
import { toChart } from './chart.ts'

const text = texts.manage.overview
const day = new Intl.DateTimeFormat(texts.lang, { month: 'short', day: 'numeric', timeZone: 'UTC' })
const PAST = ['live', 'issued', 'revoked', 'failedSignIns'] as const

/** Charts of the deployment. */
export function overview({ readStatistics }: { readStatistics: ReadStatistics }): FastifyPluginAsync {
  return async app => {
    app.get('/', async (request, reply) => {
      const span = SPANS.find(known => String(known) === queryParams(request).days) ?? SPANS[0]
      const { days, expiring } = await readStatistics(span)
      const [live, issued, revoked, failed] = PAST.map(of =>
        toChart(
          of,
          days.map(each => each[of]),
        ),
      )
      const pictures = [live, issued, revoked, toChart('expiring', expiring), failed]
      const tables = [
        { of: PAST, rows: days.map(each => [day.format(each.at), ...PAST.map(of => each[of])]) },
        { of: ['expiring'], rows: expiring.map((count, i) => [text.ahead.replace('{n}', String(i + 1)), count]) },
      ]
      const data = {
        title: text.title,
        section: 'manage',
        tab: 'overview',
        pictures,
        tables,
        span,
        spans: SPANS,
      } as const
      return reply.page('manage/overview.eta', data)
    })
  }
}

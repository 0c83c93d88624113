import type { FastifyPluginAsync } from 'fastify'
import { type ReadStatistics, SPANS } from '../../admin/statistics.ts'
import { queryParams } from '../query.ts'
import { texts } from '../texts.ts'
import { formatDay } from '../times.ts'
import { type AttentionListOptions, createAttentionList } from './attention.ts'
import { toChart } from './chart.ts'

const text = texts.manage.overview
const PAST = ['live', 'issued', 'revoked', 'failedSignIns'] as const

export interface OverviewOptions extends AttentionListOptions {
  readStatistics: ReadStatistics
}

/** Charts of the deployment, and what needs attention. */
export function overview({ readStatistics, ...options }: OverviewOptions): FastifyPluginAsync {
  const attention = createAttentionList(options)

  return async app => {
    app.get('/', async (request, reply) => {
      const span = SPANS.find(known => String(known) === queryParams(request).days) ?? SPANS[0]
      const statistics = await readStatistics(span)
      const { days, expiring } = statistics
      const [live, issued, revoked, failed] = PAST.map(of =>
        toChart(
          of,
          days.map(each => each[of]),
          days[0]?.at ?? new Date(),
        ),
      )
      const charts = [live, issued, revoked, toChart('expiring', expiring, new Date()), failed]
      const tables = [
        { of: PAST, rows: days.map(each => [formatDay(each.at), ...PAST.map(of => each[of])]) },
        { of: ['expiring'], rows: expiring.map((count, i) => [text.ahead.replace('{n}', String(i + 1)), count]) },
      ]
      const data = {
        title: text.title,
        section: 'manage',
        tab: 'overview',
        attention: await attention(days.at(-1)?.failedSignIns ?? 0),
        charts,
        tables,
        span,
        spans: SPANS,
      } as const
      return reply.page('manage/overview.eta', data)
    })
  }
}

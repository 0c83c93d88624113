import type { FastifyPluginAsync } from 'fastify'
import { type ReadStatistics, SPANS, type Statistics } from '../../admin/statistics.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import { queryParams } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { formatDay } from '../times.ts'
import { toChart } from './chart.ts'

const text = texts.manage.overview
const DAY_MS = 86_400_000
const SOON_DAYS = 7
const IDLE_DAYS = 90
const PAST = ['live', 'issued', 'revoked', 'failedSignIns'] as const

export interface OverviewOptions {
  site: Site
  readStatistics: ReadStatistics
  tokenAdmin: Pick<TokenAdmin, 'count'>
}

/** Charts of the deployment, and what needs attention. */
export function overview({ site, readStatistics, tokenAdmin }: OverviewOptions): FastifyPluginAsync {
  const manage = `${site.base}/manage`

  /** What an administrator should look at today, with a link where there is a list of it. */
  async function attention({ days, expiring }: Statistics) {
    const unusedSince = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - IDLE_DAYS * DAY_MS)
    const day = unusedSince.toISOString().slice(0, 10)
    const soon = expiring.slice(0, SOON_DAYS).reduce((sum, count) => sum + count, 0)
    const idle = await tokenAdmin.count({ unusedSince })
    const failed = days.at(-1)?.failedSignIns ?? 0
    return [
      { of: 'expiring', count: soon },
      { of: 'idle', count: idle, href: `${manage}/tokens?unused_since=${day}` },
      { of: 'failedSignIns', count: failed, href: `${manage}/audit?kind=sign_in.failed` },
    ].filter(({ count }) => count > 0)
  }

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
        attention: await attention(statistics),
        charts,
        tables,
        span,
        spans: SPANS,
      } as const
      return reply.page('manage/overview.eta', data)
    })
  }
}

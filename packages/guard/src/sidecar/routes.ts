import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMetadataResponder } from '../adapters/metadata.ts'
import { sendResponse } from '../adapters/send-response.ts'
import { type PlainResponse, toErrorResponse } from '../error-response.ts'
import { PosternError } from '../postern-error.ts'
import type { GuardHealth } from '../remote/monitor.ts'
import type { ResourceDescription } from '../resource.ts'
import type { Metrics } from './metrics.ts'

export interface RoutesOptions {
  health: () => GuardHealth
  metrics: Metrics
  isStopping: () => boolean
  /** The metadata of the API, if the sidecar serves it. */
  described: ResourceDescription | undefined
}

/** The routes besides the check: health and metrics for the operator, and the metadata of the API. */
export function createRoutes({ health, metrics, isStopping, described }: RoutesOptions) {
  const metadata = described && createMetadataResponder(described)
  const routes = new Map<string, () => PlainResponse>([
    ['/health/live', () => json(200, { status: 'ok' })],
    ['/health/ready', () => readiness(health(), isStopping())],
    ['/metrics', () => plain(METRICS_TYPE, metrics.render(health()))],
  ])
  return (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url as string
    const route = routes.get(url.split('?', 1)[0] as string)
    sendResponse(response, route?.() ?? metadata?.(request.method, url) ?? NOT_FOUND)
  }
}

function readiness(state: GuardHealth, isStopping: boolean): PlainResponse {
  if (isStopping) return json(503, { ...state, status: 'stopping' })
  return json(state.keys && !state.stale && state.status !== 'failed' ? 200 : 503, state)
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const plain = (type: string, body: string, status = 200): PlainResponse => ({
  status,
  headers: { 'content-type': type, 'cache-control': 'no-store' },
  body,
})

const json = (status: number, body: object) => plain('application/json', JSON.stringify(body), status)

const NOT_FOUND = toErrorResponse(
  new PosternError({
    status: 404,
    code: 'not_found',
    detail: 'There is /check, /health/live, /health/ready and /metrics.',
  }),
)

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

type Test = { teardown(work: () => unknown): void }

interface Attribute {
  key: string
  value: { stringValue?: string; intValue?: number; doubleValue?: number; boolValue?: boolean }
}

export interface ReceivedSpan {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  attributes: Record<string, unknown>
  status: { code?: number; message?: string }
}

export interface Received {
  /** The endpoint of OpenTelemetry's exporters (OTLP over HTTP, as JSON). */
  url: string
  headers: IncomingHttpHeaders[]
  /** All bodies, as they arrived. */
  text(): string
  spans(): ReceivedSpan[]
  /** The names of all metrics, with the attributes of their data points. */
  metrics(): Map<string, Record<string, unknown>[]>
  resource(): Record<string, unknown>
}

/** A collector of OpenTelemetry that keeps what it gets. */
export async function otlpReceiver(t: Test): Promise<Received> {
  const bodies: { path: string; body: string }[] = []
  const headers: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', text => {
      body += text
    })
    request.on('end', () => {
      bodies.push({ path: String(request.url), body })
      headers.push(request.headers)
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  const parsed = (path: string) => bodies.filter(each => each.path === path).map(({ body }) => JSON.parse(body))
  const spans = () => parsed('/v1/traces').flatMap(each => each.resourceSpans)
  const metrics = () => parsed('/v1/metrics').flatMap(each => each.resourceMetrics)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    headers,
    text: () => bodies.map(({ body }) => body).join('\n'),
    spans: () =>
      spans()
        .flatMap(each => each.scopeSpans)
        .flatMap(each => each.spans)
        .map(span => ({ ...span, attributes: plain(span.attributes) })),
    metrics: () => {
      const found = new Map<string, Record<string, unknown>[]>()
      for (const { name, histogram, sum, gauge } of metrics()
        .flatMap(each => each.scopeMetrics)
        .flatMap(each => each.metrics)) {
        const points = (histogram ?? sum ?? gauge).dataPoints as { attributes: Attribute[] }[]
        found.set(name, [...(found.get(name) ?? []), ...points.map(({ attributes }) => plain(attributes))])
      }
      return found
    },
    resource: () => plain([...spans(), ...metrics()][0]?.resource.attributes ?? []),
  }
}

const plain = (attributes: Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

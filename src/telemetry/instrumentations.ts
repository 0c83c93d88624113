import { createRequire, syncBuiltinESMExports } from 'node:module'
import type { Span } from '@opentelemetry/api'
import type { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import type { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { loggedPath } from '../http/logging.ts'
import { redactSql } from './sql.ts'

interface Classes {
  HttpInstrumentation: typeof HttpInstrumentation
  PgInstrumentation: typeof PgInstrumentation
}

/** Requests of probes and scrapes, which nobody looks for in traces. */
const UNTRACED = /\/(health\/(live|ready)|metrics)$/

const pathOf = (url: string | undefined) => loggedPath(url ?? '/') ?? '/'

/**
 * The instrumentations of HTTP and of PostgreSQL, so that no attribute contains a secret: no query strings, no headers, no long
 * segments of paths, no values of statements, no texts of database errors.
 */
export function createInstrumentations({ HttpInstrumentation, PgInstrumentation }: Classes) {
  const http = new HttpInstrumentation({
    ignoreIncomingRequestHook: ({ url = '' }) => UNTRACED.test(url.split('?', 1)[0] ?? ''),
    startIncomingSpanHook: ({ url }) => ({ 'url.path': pathOf(url), 'url.query': undefined }),
    startOutgoingSpanHook: ({ protocol, hostname, host, port, path }) => ({
      'url.full': `${protocol ?? 'http:'}//${hostname ?? host ?? 'localhost'}${port ? `:${port}` : ''}${pathOf(path ?? '/')}`,
    }),
  })
  const postgres = new PgInstrumentation({
    // Heartbeats and other work in the background would be most of the spans.
    requireParentSpan: true,
    // Waiting for a connection is measured as `db.client.connection.pending_requests`.
    ignoreConnectSpans: true,
    requestHook(span, { query }) {
      span.setAttribute('db.query.text', redactSql(query.text))
      dropStatusMessage(span)
    },
    connectionHook: dropStatusMessage,
  })
  return [http, postgres]
}

/** The message of an error of PostgreSQL may quote a value. The class of the error is in the event beside it. */
function dropStatusMessage(span: Span): void {
  const setStatus = span.setStatus.bind(span)
  span.setStatus = ({ code }) => setStatus({ code })
}

/**
 * Loads the instrumented modules by `require`, which the instrumentations watch, before anybody else does. They change the
 * modules in place, so that `import` gets the changed ones too, without a loader hook.
 */
export function patchModules(): void {
  const require = createRequire(import.meta.url)
  for (const name of ['http', 'https', 'pg']) require(name)
  syncBuiltinESMExports()
}

import { type Environment, secret } from './secret.ts'

/** What OpenTelemetry exports, by the standard variables of its specification ("OpenTelemetry Protocol Exporter"). */
export interface TelemetrySettings {
  traces: boolean
  metrics: boolean
  /** Variables of the SDK that are not set, with the values that we prefer to its defaults. */
  defaults: Record<string, string>
}

/**
 * Defaults of ours. The detector of the process would export its command line, and baggage would pass on to other servers what a
 * client sent. A long value of an attribute is cut off.
 */
const DEFAULTS = {
  OTEL_NODE_RESOURCE_DETECTORS: 'service,host',
  OTEL_PROPAGATORS: 'tracecontext',
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1024',
  OTEL_LOG_LEVEL: 'warn',
}

/**
 * Reads whether OpenTelemetry is used: with an endpoint, and unless `OTEL_SDK_DISABLED` is `true`. The SDK reads the other
 * variables itself.
 * @returns undefined: it is not used
 * @throws StartupError when a file of a secret cannot be read
 * @example
 * readTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }) // { traces: true, metrics: true, defaults: {…} }
 */
export function readTelemetry(env: Environment): TelemetrySettings | undefined {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return undefined
  const exports = (signal: string) =>
    Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`])
  const [traces, metrics] = [exports('TRACES'), exports('METRICS')]
  if (!traces && !metrics) return undefined
  const headers = secret(env, 'OTEL_EXPORTER_OTLP_HEADERS')
  const defaults: Record<string, string> = { ...DEFAULTS, ...(headers && { OTEL_EXPORTER_OTLP_HEADERS: headers }) }
  if (!/(^|,)\s*service\.name\s*=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')) defaults.OTEL_SERVICE_NAME = 'postern'
  return { traces, metrics, defaults }
}

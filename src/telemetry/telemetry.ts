import packageJson from '../../package.json' with { type: 'json' }
import { readTelemetry, type TelemetrySettings } from '../config/telemetry.ts'
import { withTimeout } from '../database/timeout.ts'
import { StartupError } from '../errors/errors.ts'
import { createDiagnosticLog } from './diagnostic-log.ts'
import { createInstrumentations, patchModules } from './instrumentations.ts'
import { observeMetrics } from './observe-metrics.ts'
import { nameRoutes } from './routes.ts'

export interface Telemetry {
  /** Sends what is left, within some seconds. */
  close(): Promise<void>
}

/** A collector that does not respond delays the end of the process no longer. */
const MAX_FLUSH_MS = 3_000

const PACKAGES = Object.entries(packageJson.peerDependencies)
  .filter(([name]) => name.startsWith('@opentelemetry/'))
  .map(([name, version]) => `${name}@${version}`)

/**
 * Starts OpenTelemetry if a variable names an endpoint; otherwise loads nothing of it. It must be called before modules that
 * are instrumented are loaded, which `patchModules` does.
 * @throws StartupError when its packages are not installed
 * @example
 * const telemetry = await startTelemetry(process.env)
 * await telemetry?.close()
 */
export async function startTelemetry(env: NodeJS.ProcessEnv): Promise<Telemetry | undefined> {
  const settings = readTelemetry(env)
  if (!settings) return undefined
  // The SDK reads the environment of the process only.
  for (const [name, value] of Object.entries(settings.defaults)) env[name] ||= value
  return start(settings, await loadPackages())
}

async function loadPackages() {
  try {
    const [api, core, sdk, http, postgres] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/sdk-node'),
      import('@opentelemetry/instrumentation-http'),
      import('@opentelemetry/instrumentation-pg'),
    ])
    return { ...api, ...core, ...sdk, ...http, ...postgres }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new StartupError(`OpenTelemetry is not installed: npm install ${PACKAGES.join(' ')}`, error)
  }
}

function start({ traces, metrics }: TelemetrySettings, packages: Awaited<ReturnType<typeof loadPackages>>): Telemetry {
  const sdk = packages.startNodeSdk({
    instrumentations: createInstrumentations(packages),
    resourceAttributes: { 'service.version': packageJson.version },
    logRecordProcessors: [],
    ...(!traces && { spanProcessors: [] }),
    ...(!metrics && { metricReaders: [] }),
  })
  const logLevel = packages.diagLogLevelFromString(process.env.OTEL_LOG_LEVEL)
  packages.diag.setLogger(createDiagnosticLog(process.stderr), {
    suppressOverrideMessage: true,
    ...(logLevel !== undefined && { logLevel }),
  })
  patchModules()
  const stopNaming = nameRoutes(packages)
  const stopObserving = observeMetrics(packages.metrics.getMeter('postern', packageJson.version))
  return {
    async close() {
      stopNaming()
      stopObserving()
      await withTimeout(sdk.shutdown(), MAX_FLUSH_MS).catch(() => {})
    },
  }
}

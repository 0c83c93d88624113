import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Meter, Observable } from '@opentelemetry/api'
import { METRICS_CHANNEL, type PublishedMetrics } from '../http/metrics.ts'

const PREFIX = 'postern_'

/**
 * Exports the gauges and counters that /metrics prints, as `postern.…`. The duration of requests is left out, since the
 * instrumentation of HTTP measures it.
 * @returns what ends it
 */
export function observeMetrics(meter: Meter): () => void {
  const onMetrics = (message: unknown) => void observe(meter, message as PublishedMetrics)
  subscribe(METRICS_CHANNEL, onMetrics)
  return () => void unsubscribe(METRICS_CHANNEL, onMetrics)
}

async function observe(meter: Meter, { registry, update }: PublishedMetrics): Promise<void> {
  const observables = new Map<string, Observable>()
  for (const { name, help, type } of await registry.getMetricsAsJSON()) {
    if (!name.startsWith(PREFIX)) continue
    const options = { description: help }
    // An exporter to Prometheus appends `_total` to counters itself.
    const exported = `postern.${name.slice(PREFIX.length).replace(/_total$/, '')}`
    if (String(type) === 'gauge') observables.set(name, meter.createObservableGauge(exported, options))
    if (String(type) === 'counter') observables.set(name, meter.createObservableCounter(exported, options))
  }
  meter.addBatchObservableCallback(
    async result => {
      await update()
      for (const { name, values } of await registry.getMetricsAsJSON()) {
        const observable = observables.get(name)
        for (const { value, labels } of observable ? values : []) {
          result.observe(observable as Observable, value, labels as Record<string, string>)
        }
      }
    },
    [...observables.values()],
  )
}

import type { DiagLogger } from '@opentelemetry/api'

/** Milliseconds until the same message is written again: an exporter repeats it every few seconds. */
const REPEAT_MS = 60_000
const MAX_LENGTH = 300

/** Writes what OpenTelemetry says about itself, such as that its collector does not respond: one line for each message. */
export function createDiagnosticLog(output: { write(text: string): unknown }): DiagLogger {
  let last = { text: '', at: 0 }

  function write(message: string): void {
    const text = summary(message)
    if (text === last.text && Date.now() - last.at < REPEAT_MS) return
    last = { text, at: Date.now() }
    output.write(`postern: OpenTelemetry: ${text}\n`)
  }

  return { error: write, warn: write, info: write, debug: write, verbose: write }
}

/** The exporter reports an error as JSON with its stack. */
function summary(message: string): string {
  const { 1: reported } = /"message":"((?:[^"\\]|\\.)*)"/.exec(message) ?? []
  return (reported ?? message).replaceAll(/[\s\p{Cc}]+/gu, ' ').slice(0, MAX_LENGTH)
}

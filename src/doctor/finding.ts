import { withTimeout } from '../database/timeout.ts'
import { StartupError } from '../errors/errors.ts'

/** `error`: something does not work. `warning`: it works, and should be changed. `skipped`: it could not be checked. */
export type Status = 'ok' | 'warning' | 'error' | 'skipped'

/** The result of one check. */
export interface Finding {
  check: string
  status: Status
  message: string
  /** What to do about it. */
  remedy?: string
}

type Outcome = Omit<Finding, 'check'>

export const ok = (message: string): Outcome => ({ status: 'ok', message })
export const skipped = (message: string): Outcome => ({ status: 'skipped', message })
export const warning = (message: string, remedy: string): Outcome => ({ status: 'warning', message, remedy })
export const failed = (message: string, remedy: string): Outcome => ({ status: 'error', message, remedy })

/** One part of the examination. */
export interface Check {
  name: string
  /** Said when `run` throws. */
  remedy: string
  run(): Promise<Outcome | Outcome[]>
}

/** Milliseconds that a check may take. */
const MAX_MS = 15_000

/** Runs a check. What it throws is an error of the world that it examines. */
export async function runCheck({ name: check, remedy, run }: Check): Promise<Finding[]> {
  try {
    const tooSlow = () => new Error(`no answer within ${MAX_MS / 1000} s`)
    const outcomes = [await withTimeout(run(), MAX_MS, tooSlow)].flat()
    return outcomes.map(outcome => ({ check, ...outcome }))
  } catch (error) {
    return [{ check, ...failed(reasonOf(error), remedy) }]
  }
}

/** The innermost message of an error, in one line: libraries wrap what they got from the system. Ours say what to do. */
export function reasonOf(error: unknown): string {
  if (error instanceof StartupError) return error.message
  const { message = String(error), code, cause, errors } = error as Error & { code?: string; errors?: unknown[] }
  if (cause instanceof Error) return reasonOf(cause)
  if (errors?.[0] instanceof Error) return reasonOf(errors[0])
  const text = message || String(code ?? 'unknown error')
  return text.replaceAll(/\s+/g, ' ').slice(0, 300)
}

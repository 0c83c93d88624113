import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'

/** What a process can be asked to do, by name. */
export type Calls = Record<string, (input: never) => unknown>

/** A process of its own, so that what is measured shares no event loop with what measures it. */
export interface Process<C extends Calls> {
  /** @throws what the call threw over there */
  call<K extends keyof C & string>(name: K, ...input: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>>
  readonly pid: number
  close(): Promise<void>
}

/** What a process has used since its last `usage` call. */
export interface Usage {
  /** Part of the time that its event loop was busy, 0 to 1. Close to 1: the process is what limits. */
  busy: number
  /** Seconds of processor time, all threads together. */
  cpu: number
  /** Bytes. */
  resident: number
}

interface Question {
  id: number
  name: string
  input: unknown
}

interface Answer {
  id: number
  result?: unknown
  error?: unknown
}

/** @param file a module that calls `answer` */
export async function startProcess<C extends Calls>(file: string, env: NodeJS.ProcessEnv): Promise<Process<C>> {
  const child = fork(file, { env: { ...process.env, ...env }, serialization: 'advanced' })
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  child.on('message', ({ id, result, error }: Answer) => {
    const { resolve, reject } = open.get(id)!
    open.delete(id)
    if (error) reject(error)
    else resolve(result)
  })
  child.on('exit', code => {
    for (const { reject } of open.values()) reject(new Error(`${file} ended with ${code}`))
  })
  let last = 0
  const call = (name: string, input?: unknown) => {
    const waiting = Promise.withResolvers<unknown>()
    open.set(++last, waiting)
    child.send({ id: last, name, input } satisfies Question)
    return waiting.promise
  }
  return { call: call as Process<C>['call'], pid: child.pid!, close: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.connected) child.disconnect()
  await ended
}

/** Makes this process do what the one that started it asks; ends with it. */
export function answer<C extends Calls>(calls: C, close: () => Promise<void>): C {
  process.on('message', async ({ id, name, input }: Question) => {
    try {
      process.send!({ id, result: await calls[name]!(input as never) } satisfies Answer)
    } catch (error) {
      process.send!({ id, error } satisfies Answer)
    }
  })
  process.on('disconnect', () => void close().finally(() => process.exit()))
  // The starting process ends this one; a Ctrl-C in the terminal reaches both.
  process.on('SIGINT', () => {})
  return calls
}

/** A `usage` call for this process. */
export function usageCall(): () => Usage {
  let cpu = process.cpuUsage()
  let loop = performance.eventLoopUtilization()
  return () => {
    const used = process.cpuUsage(cpu)
    const busy = performance.eventLoopUtilization(loop).utilization
    cpu = process.cpuUsage()
    loop = performance.eventLoopUtilization()
    return { busy, cpu: (used.user + used.system) / 1e6, resident: process.memoryUsage.rss() }
  }
}

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'

/** The functions that can be called in a process, by name. */
export type Calls = Record<string, (input: never) => unknown>

/** A child process, so that the measured code does not share an event loop with the measuring code. */
export interface Process<C extends Calls> {
  /** @throws the error that the call threw in the process */
  call<K extends keyof C & string>(name: K, ...input: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>>
  readonly pid: number
  close(): Promise<void>
}

/** The resource usage of a process since its last `usage` call. */
export interface Usage {
  /** Utilization of the event loop, 0 to 1. Close to 1: the process is the bottleneck. */
  busy: number
  /** Seconds of CPU time of all threads. */
  cpu: number
  /** Resident memory in bytes. */
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

/** Serves calls of the parent process; exits when the parent disconnects. */
export function answer<C extends Calls>(calls: C, close: () => Promise<void>): C {
  process.on('message', async ({ id, name, input }: Question) => {
    try {
      process.send!({ id, result: await calls[name]!(input as never) } satisfies Answer)
    } catch (error) {
      process.send!({ id, error } satisfies Answer)
    }
  })
  process.on('disconnect', () => void close().finally(() => process.exit()))
  // The parent process stops this one; a Ctrl-C in the terminal reaches both.
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

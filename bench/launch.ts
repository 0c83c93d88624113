import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { START_ARGUMENTS } from '../test/helpers/process.ts'

const ROOT = resolve(import.meta.dirname, '..')
const START_TIMEOUT_MS = 60_000

/** A Postern server in its own process, started like `npm start`. */
export interface Launched {
  url: string
  /** Milliseconds from the start of the process to its first response that needs the database. */
  took: number
  /** Waits until the output of the process matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Resident memory in bytes: current and peak. Linux only. */
  memory(): Promise<{ now: number; peak: number }>
  stop(): Promise<void>
}

/** @param port of its issuer, which a database keeps; default: a free one */
export async function launch(environment: NodeJS.ProcessEnv, port?: number): Promise<Launched> {
  const chosen = port ?? (await freePort())
  const url = `http://127.0.0.1:${chosen}`
  const env = { ...process.env, ...environment, PORT: String(chosen), ISSUER: url }
  const start = performance.now()
  const child = spawn(process.execPath, START_ARGUMENTS, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  try {
    await until(child, () => isOk(`${url}/health/ready`))
  } catch (error) {
    await stop(child)
    throw error
  }
  const took = performance.now() - start
  const waitForOutput = (pattern: RegExp) => until(child, () => pattern.exec(printed))
  return { url, took, printed: waitForOutput, memory: () => memory(child.pid!), stop: () => stop(child) }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function until<T>(child: ChildProcess, check: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const start = performance.now(); performance.now() - start < START_TIMEOUT_MS; await pause(5)) {
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`)
    const result = await check()
    if (result) return result
  }
  throw new Error('the server did not start')
}

const isOk = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

async function memory(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024
  return { now: of('VmRSS'), peak: of('VmHWM') }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

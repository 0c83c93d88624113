import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { START_ARGUMENTS } from '../../test/helpers/process.ts'
import { freePort } from './ports.ts'

const ROOT = resolve(import.meta.dirname, '..', '..')
const START_TIMEOUT_MS = 60_000

/** A Postern process that can be killed and restarted on the same port. */
export interface Node {
  readonly url: string
  readonly port: number
  start(): Promise<void>
  end(signal: NodeJS.Signals): Promise<void>
}

export async function createNode(environment: NodeJS.ProcessEnv): Promise<Node> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined

  async function ready(): Promise<boolean> {
    return fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  }

  return {
    url,
    port,
    async start() {
      const env = { ...process.env, ...environment, PORT: String(port), LOG_LEVEL: 'silent' }
      child = spawn(process.execPath, START_ARGUMENTS, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'] })
      for (const began = performance.now(); !(await ready()); await pause(20)) {
        if (child.exitCode !== null) throw new Error(`a node exited with ${child.exitCode}`)
        if (performance.now() - began > START_TIMEOUT_MS) throw new Error('a node did not start')
      }
    },
    async end(signal) {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

export const HAS_REDIS = spawnSync('redis-server', ['--version']).status === 0

/** A Redis of this test's own, which keeps nothing. @returns its URL */
export async function openRedis(t: Test): Promise<string> {
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  for await (const line of createInterface(child.stdout)) if (/Ready to accept connections/.test(line)) break
  child.stdout.resume()
  return `redis://127.0.0.1:${port}`
}

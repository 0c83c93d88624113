import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

export const SIDECAR = resolve(import.meta.dirname, '../../packages/guard/src/sidecar/main.ts')

export interface LaunchedSidecar {
  url: string
  port: number
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** How it ended: the exit code, or the signal that killed it. */
  ended: Promise<number | NodeJS.Signals>
}

export interface LaunchOptions {
  args?: readonly string[]
  env?: Record<string, string | undefined>
}

/** Runs the command `postern-guard` in an environment of its own. */
export function spawnSidecar(t: Test, { args = [], env = {} }: LaunchOptions): Omit<LaunchedSidecar, 'url' | 'port'> {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [SIDECAR, ...args], {
    env: { PATH, HOME, ...env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', text => {
      said[name] += text
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  return { process: child, stdout: () => said.stdout, stderr: () => said.stderr, ended }
}

/** The options of a guard as the environment of the command. */
export interface GuardEnvironment {
  issuer: string
  audience?: string
  clientId?: string | undefined
  clientSecret?: string | undefined
}

/** Starts a sidecar on a free port, and waits until it listens. */
export async function launchSidecar(
  t: Test,
  { issuer, audience, clientId, clientSecret }: GuardEnvironment,
  { args = [], env = {} }: LaunchOptions = {},
): Promise<LaunchedSidecar> {
  const port = await freePort()
  const given = { ISSUER: issuer, AUDIENCE: audience, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret }
  const launched = spawnSidecar(t, { args, env: { ...given, PORT: String(port), ...env } })
  const listening = new Promise<void>(resolve => {
    const look = () => / is listening at /.test(launched.stdout()) && resolve()
    launched.process.stdout?.on('data', look)
  })
  const failed = launched.ended.then(end => {
    throw new Error(`postern-guard ended with ${end}: ${launched.stderr()}`)
  })
  await Promise.race([listening, failed])
  failed.catch(() => {})
  return { ...launched, port, url: `http://127.0.0.1:${port}` }
}

/** Calls until the response is the one that has to come; a test that waits in vain runs into its time limit. */
export async function until<T>(call: () => Promise<T>, isIt: (result: T) => boolean): Promise<T> {
  for (;;) {
    const result = await call()
    if (isIt(result)) return result
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** Asks a sidecar of this issuer about a token, in the words of `app.inject`. */
export async function sidecarCheck(t: Test, issuer: string) {
  const { url } = await launchSidecar(t, { issuer, audience: issuer })
  return async (token: string) => {
    const response = await fetch(`${url}/check?scopes=orders:read`, { headers: { authorization: `Bearer ${token}` } })
    return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
  }
}

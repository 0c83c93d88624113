import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

const ROOT = resolve(import.meta.dirname, '..', '..')
/** The arguments of `npm start`. */
export const START_ARGUMENTS = packageJson.scripts.start.split(' ').slice(1)

/** A server in a process of its own, as `npm start` makes it. */
export interface Launched {
  url: string
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** The first e-mail, password and line of curl, if it printed them. */
  administrator(): { email: string; password: string; curl: string } | undefined
  /** How it ended: the exit code, or the signal that killed it. */
  ended: Promise<number | NodeJS.Signals>
  /** Once it is ready; rejects with what it said when it ends instead. */
  ready: Promise<void>
  kill(signal: NodeJS.Signals): void
}

/** @param env all it gets, with a free PORT unless there is one */
export async function launch(t: Test, env: Record<string, string | undefined>): Promise<Launched> {
  const port = env.PORT ?? String(await freePort())
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, START_ARGUMENTS, {
    cwd: ROOT,
    env: { PATH, HOME, LOG_LEVEL: 'silent', ...env, PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => {})
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', text => {
      said[name] += text
      if (/ is ready at /.test(said.stdout)) ready.resolve()
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  ended.then(end => ready.reject(new Error(`ended with ${end}: ${said.stderr}`)))
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    administrator: () => administrator(said.stdout),
    ended,
    ready: ready.promise,
    kill: signal => void child.kill(signal),
  }
}

function administrator(text: string) {
  const email = /e-mail +(\S+)/.exec(text)?.[1]
  const password = /password +(\S+)/.exec(text)?.[1]
  const curl = /^ *(curl .+)$/m.exec(text)?.[1]
  return email && password && curl ? { email, password, curl } : undefined
}

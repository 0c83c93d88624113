import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import { loadConfig } from '../../src/config/config.ts'
import { buildApp } from '../../src/index.ts'
import { openServices } from '../../src/open-services.ts'
import type { Services } from '../../src/services.ts'
import { APP_KEY } from '../helpers/app.ts'
import { cloneTemplate, copyEmbedded, emptyDatabase, SERVER } from '../helpers/database.ts'
import { freePort } from '../helpers/port.ts'

const BIN = resolve(import.meta.dirname, '../../bin/postern.js')
/** As a user's shell would run it: the test runner puts hooks of its own into every Node below it. */
export const PLAIN = ['env', '-u', 'NODE_OPTIONS']

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string
  env?: Record<string, string>
  /** For Node itself, before the script. */
  node?: string[]
}

export interface CommandLine {
  /** What the commands find in their environment. */
  env: Record<string, string>
  /** Runs `postern` with these words, and waits for its end. */
  run(args: string[], options?: RunOptions): Promise<Ended>
  /** As `run`, with an exit code of 0 and JSON on stdout. */
  json<T = Answer>(args: string[], options?: RunOptions): Promise<T>
  /** The same database over HTTP, between two commands. */
  overHttp<T>(work: (app: FastifyInstance) => Promise<T>): Promise<T>
  /** The same database from inside, between two commands. */
  inside<T>(work: (services: Services) => Promise<T>): Promise<T>
}

// biome-ignore lint/suspicious/noExplicitAny: what a test reads from it, it asserts
export type Answer = any

type Test = { teardown(work: () => unknown): void }

/** The command line on a migrated database of this test's own, and an environment of its own. */
export async function commandLine(t: Test): Promise<CommandLine> {
  return commandsOn(await databaseOfItsOwn(t))
}

/** A command with all that it gets. */
export interface Command {
  args: string[]
  env: Record<string, string>
  input: string
  node: string[]
}

type Execute = (command: Command) => Promise<Ended>

const inItsOwnProcess: Execute = ({ args, env, input, node }) =>
  ended(start([...PLAIN, process.execPath, ...node, BIN, ...args], env), input)

/** The command line in an environment that may lack anything. */
export function commandsOn(given: Record<string, string>, execute = inItsOwnProcess): CommandLine {
  const env = { PATH: process.env.PATH as string, LOG_LEVEL: 'silent', ...given }
  const run = (args: string[], { input = '', env: more = {}, node = [] }: RunOptions = {}) =>
    execute({ args, env: { ...env, ...more }, input, node })
  return {
    env,
    run,
    async json(args, options) {
      const { code, stdout, stderr } = await run([...args, '--json'], options)
      if (code !== 0) throw new Error(`postern ${args.join(' ')} ended with ${code}: ${stderr}`)
      return JSON.parse(stdout)
    },
    async overHttp(work) {
      const app = await buildApp(loadConfig(env))
      return work(app).finally(() => app.close())
    },
    async inside(work) {
      const services = await openServices(loadConfig(env))
      return work(services).finally(() => services.close())
    },
  }
}

/** The command line on an empty database: nobody has migrated it. */
export async function onEmptyDatabase(t: Test): Promise<CommandLine> {
  const DATA_DIR = temporaryFolder(t)
  if (!SERVER) return commandsOn({ DATA_DIR })
  return commandsOn({ DATA_DIR, DATABASE_URL: await emptyDatabase(SERVER, t), APP_KEY })
}

async function databaseOfItsOwn(t: Test): Promise<Record<string, string>> {
  const dataDir = temporaryFolder(t)
  if (SERVER) return { DATABASE_URL: await cloneTemplate(SERVER, t), APP_KEY, DATA_DIR: dataDir }
  await copyEmbedded(dataDir)
  return { DATA_DIR: dataDir }
}

export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const start = ([program, ...args]: string[], env: NodeJS.ProcessEnv) => spawn(program as string, args, { env })

/** Starts a command that runs until it is stopped. */
export const startCommand = (args: string[], env: Record<string, string>) =>
  start([...PLAIN, process.execPath, BIN, ...args], env)

async function ended(child: ChildProcessWithoutNullStreams, input: string): Promise<Ended> {
  // A command that refuses at once does not read what it is sent.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const end = new Promise<number | null>(resolve => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), end])
  return { code, stdout, stderr }
}

export interface Running {
  url: string
  /** Ends it as Ctrl-C does. */
  stop(): Promise<number | null>
}

/** `postern serve` in a process of its own, ready. */
export async function serving(t: Test, { env }: CommandLine): Promise<Running> {
  const port = await freePort()
  const child = startCommand(['serve'], { ...env, PORT: String(port) })
  const end = new Promise<number | null>(resolve => child.once('close', resolve))
  t.teardown(() => child.exitCode === null && child.kill('SIGKILL'))
  const errors = text(child.stderr)
  await new Promise<void>((ready, failed) => {
    child.stdout.on('data', chunk => String(chunk).includes('Postern is ready') && ready())
    void end.then(async code => failed(new Error(`postern serve ended with ${code}: ${await errors}`)))
  })
  const stop = () => {
    child.kill('SIGINT')
    return end
  }
  return { url: `http://127.0.0.1:${port}`, stop }
}

/** `script` gives a child process a terminal; the options are those of util-linux. */
export const hasTerminal = process.platform === 'linux' && existsSync('/usr/bin/script')

/** Runs a command on a terminal, answering each question when it has been asked. @returns what the terminal showed */
export function onTerminal({ env }: CommandLine, args: string[], answers: [question: string, answer: string][] = []) {
  const command = [...PLAIN, process.execPath, BIN, ...args].map(word => `'${word}'`).join(' ')
  const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { env })
  const left = [...answers]
  let shown = ''
  child.stdout.on('data', chunk => {
    shown += chunk
    const next = left[0]
    if (!next || !shown.includes(next[0])) return
    left.shift()
    child.stdin.write(`${next[1]}\r`)
  })
  return new Promise<{ code: number | null; shown: string }>(resolve =>
    child.once('close', code => {
      child.stdin.destroy()
      resolve({ code, shown })
    }),
  )
}

/** One line, and no stack. */
export const ONE_LINE = /^postern: [^\n]+\n$/

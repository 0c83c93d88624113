import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { LocalUser } from '../../src/users/user.entity.ts'
import { newUser, type TestOptions } from './app.ts'
import { Browser } from './browser.ts'
import { type Issuer, listeningIssuer } from './issuer.ts'

type Test = { teardown(work: () => unknown): void }

export const BIN = resolve(import.meta.dirname, '../../bin/postern.js')
const PLAIN = ['-u', 'NODE_OPTIONS']

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** A command that runs. */
export interface Started {
  child: ChildProcess
  /** The first match in what it wrote to stderr. Rejects when it ends without. */
  wrote(pattern: RegExp): Promise<string>
  ended: Promise<Ended>
}

export interface RunOptions {
  input?: string
  /** undefined: without this variable. */
  env?: Record<string, string | undefined>
}

/** A user's home directory, the command line in it, and a browser in which the user is signed in at the issuer. */
export interface Home extends Issuer {
  /** Differs from `issuer` if the options name one, for a proxy in front. */
  listensAt: string
  user: LocalUser
  browser: Browser
  folder: string
  /** All that a command gets. */
  env: Record<string, string>
  start(args: string[], options?: RunOptions): Started
  run(args: string[], options?: RunOptions): Promise<Ended>
  /** `postern login`, with a browser in which the user approves. */
  signIn(args?: string[]): Promise<Ended>
  /** The stored sign-in, as the file has it. */
  stored(): { file: string; content: StoredFile }
  /** Changes the stored sign-in. */
  store(change: Partial<StoredFile['tokens']>): void
}

interface StoredFile {
  place: string
  tokens: { accessToken: string; refreshToken: string; expiresAt: string }
}

/** What `BROWSER` names: it writes down the URL where `heard` reads it. */
const BROWSER_SCRIPT = '#!/bin/sh\nprintf "%s\\n" "$1" > "$HOME/opened"\n'

export async function homeOf(t: Test, options: TestOptions = {}): Promise<Home> {
  const server = await listeningIssuer(t, options)
  const issuer = options.issuer ?? server.issuer
  const user = await newUser(server.services)
  const browser = new Browser(server.app)
  await browser.signIn(user)
  const folder = mkdtempSync(join(tmpdir(), 'postern-home-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'browser'), BROWSER_SCRIPT, { mode: 0o755 })
  const env = { PATH: process.env.PATH as string, HOME: folder, ISSUER: issuer }

  const start = (args: string[], { input = '', env: more = {} }: RunOptions = {}) =>
    startCommand(t, args, { ...env, ...more }, input)
  const fileOf = () => join(folder, '.config/postern', loginFile(join(folder, '.config/postern')))

  return {
    ...server,
    issuer,
    listensAt: server.issuer,
    user,
    browser,
    folder,
    env,
    start,
    run: (args, given) => start(args, given).ended,
    async signIn(args = []) {
      const login = start(['login', ...args], { env: { BROWSER: join(folder, 'browser') } })
      await follow(browser, await login.wrote(/http\S+\/oauth\/authorize\?\S+/), issuer)
      return login.ended
    },
    stored: () => ({ file: fileOf(), content: JSON.parse(readFileSync(fileOf(), 'utf8')) }),
    store(change) {
      const content = JSON.parse(readFileSync(fileOf(), 'utf8'))
      Object.assign(content.tokens, change)
      writeFileSync(fileOf(), JSON.stringify(content))
    },
  }
}

function loginFile(folder: string): string {
  return readdirSync(folder).find(name => /^login-[0-9a-f]+\.json$/.test(name)) ?? 'login-missing.json'
}

function startCommand(t: Test, args: string[], env: NodeJS.ProcessEnv, input: string): Started {
  const child = spawn('env', [...PLAIN, process.execPath, BIN, ...args], { env, stdio: 'pipe' })
  t.teardown(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let shown = ''
  const watchers = new Set<() => void>()
  child.stderr.on('data', chunk => {
    shown += chunk
    for (const watch of watchers) watch()
  })
  const code = new Promise<number | null>(done => child.once('close', done))
  const ended = Promise.all([code, text(child.stdout)]).then(([code, stdout]) => ({ code, stdout, stderr: shown }))
  return {
    child,
    ended,
    wrote: pattern =>
      new Promise((found, missed) => {
        const watch = () => {
          const match = pattern.exec(shown)
          if (match) found(match[0])
        }
        watchers.add(watch)
        watch()
        void code.then(end => missed(new Error(`ended with ${end}, nothing like ${pattern} in: ${shown}`)))
      }),
  }
}

/** Approves at the issuer, and follows the redirect to the command line. @returns what the browser then shows */
export async function follow(browser: Browser, url: string, issuer: string): Promise<string> {
  const target = await browser.approve(url.slice(issuer.length))
  return (await fetch(target)).text()
}

/** A tool's home: what `postern` is called on its PATH. */
export function onPath(home: Home): string {
  const bin = join(home.folder, 'bin')
  mkdirSync(bin, { recursive: true })
  const script = `#!/bin/sh\nexec env -u NODE_OPTIONS '${process.execPath}' '${BIN}' "$@"\n`
  writeFileSync(join(bin, 'postern'), script, { mode: 0o755 })
  return `${bin}:${process.env.PATH}`
}

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

type Test = { teardown(work: () => unknown): void }

const ROOT = resolve(import.meta.dirname, '../..')
/** As a user's shell would run it: the test runner puts hooks of its own into every Node below it. */
const PLAIN = ['-u', 'NODE_OPTIONS']

/** The code of a page of the documentation, as it stands. */
export interface Guide {
  /** The block of commands that contains this text, without its indentation. @throws Error if there is none */
  commands(containing: string): string
  /** The first block in this language. @throws Error if there is none */
  block(language: string): string
  /** The blocks of commands that nobody has asked for. */
  unused(): string[]
  /** The files that the page says to save, by name. */
  files: Record<string, string>
}

/**
 * Reads a page. A file is a block after a line that ends with its name: "Save this as `app.mjs`:".
 * @param path from the root of the repository
 * @param addresses what to replace in all code, such as ports. @throws Error for one that is not in it
 */
export function guide(path: string, addresses: Record<string, string> = {}): Guide {
  const page = readFileSync(join(ROOT, path), 'utf8')
  const replace = (code: string) =>
    Object.entries(addresses).reduce((result, [from, to]) => result.replaceAll(from, to), code)
  for (const from of Object.keys(addresses)) if (!page.includes(from)) throw new Error(`${path} has no ${from}`)
  const blocks = [...page.matchAll(/^( *)```sh\n(.*?)^ *```$/gms)].map(([, indent = '', code = '']) =>
    replace(code.replaceAll(new RegExp(`^${indent}`, 'gm'), '')),
  )
  const left = new Set(blocks)
  const files = [...page.matchAll(/`([\w.-]+)`:\n\n```\w+\n(.*?)^```$/gms)]
  return {
    files: Object.fromEntries(files.map(([, name, code = '']) => [name, replace(code)])),
    unused: () => [...left],
    block(language) {
      const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1]
      if (found === undefined) throw new Error(`${path} has no block of ${language}`)
      return replace(found)
    },
    commands(containing) {
      const found = blocks.find(code => code.includes(containing))
      if (found === undefined) throw new Error(`${path} has no command with ${containing}`)
      left.delete(found)
      return found
    },
  }
}

/** A shell in a folder of its own, in which commands run one after the other and keep their variables. */
export interface Terminal {
  folder: string
  /** @returns what it printed. @throws if one of the commands fails */
  run(commands: string): Promise<string>
  /** Starts what does not end by itself, and waits until it has printed this. It ends with the test. */
  start(commands: string, printed: RegExp): Promise<Started>
}

export interface Started {
  /** What matched. */
  printed: string
  /** All that it printed until its end. */
  ended: Promise<string>
  /** Ends it as Ctrl-C does. */
  stop(): void
}

/** Who runs the commands, if not the user of this process. */
export interface Person {
  uid?: number
  gid?: number
}

/**
 * Opens one inside the repository, where the packages of a guide are found; for another user, where everybody may be.
 * @param env all that the commands get, besides `PATH` and `HOME`
 */
export function openTerminal(t: Test, env: Record<string, string> = {}, { uid, gid }: Person = {}): Terminal {
  const parent = uid === undefined ? join(ROOT, '.tap') : tmpdir()
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'guide-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(PROGRAMS)) writeFileSync(join(bin, name), script, { mode: 0o755 })
  const shell = (commands: string) => ['env', ...PLAIN, 'bash', '-ec', `${RESTORE}\n${commands}\n${KEEP}`]
  const options = { cwd: folder, uid, gid, env: { HOME: folder, ...env, PATH: `${bin}:${process.env.PATH}` } }
  return {
    folder,
    async run(commands) {
      const [program = '', ...args] = shell(commands)
      return (await promisify(execFile)(program, args, options)).stdout
    },
    async start(commands, printed) {
      const [program = '', ...args] = shell(commands)
      const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
      const ended = outputOf(child)
      const kill = (signal: NodeJS.Signals) => {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), signal)
      }
      t.teardown(() => {
        kill('SIGKILL')
        return ended
      })
      return { printed: await hasPrinted(child, printed), ended, stop: () => kill('SIGINT') }
    },
  }
}

/** Variables are kept in a file from one block to the next. */
const RESTORE = 'set -a; if [ -e .variables ]; then . ./.variables; fi'
const KEEP = 'export -p > .variables'

const NODE = `exec '${process.execPath}' --conditions=postern-source`
const POSTERN = `exec '${process.execPath}' '${ROOT}/bin/postern.js'`

/** The commands of this checkout. `npm` only makes sure that each package is there. */
const PROGRAMS = {
  npx: `#!/bin/sh\n[ "$1" = postern ] || exit 64\nshift\n${POSTERN} "$@"\n`,
  postern: `#!/bin/sh\n${POSTERN} "$@"\n`,
  node: `#!/bin/sh\n${NODE} "$@"\n`,
  npm: `#!/bin/sh\n[ "$1" = install ] || exit 64\nshift\nfor name; do test -e "${ROOT}/node_modules/\${name%@*}" || exit 65; done\n`,
}

function outputOf(child: ChildProcess): Promise<string> {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      said += text
    })
  }
  return new Promise(done => child.once('close', () => done(said)))
}

function hasPrinted(child: ChildProcess, wanted: RegExp): Promise<string> {
  let said = ''
  return new Promise((found, missed) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', text => {
        said += text
        const match = wanted.exec(said)
        if (match) found(match[0])
      })
    }
    child.once('close', code => missed(new Error(`it ended with ${code}: ${said}`)))
  })
}

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

type Test = { teardown(work: () => unknown): void }

export const ROOT = resolve(import.meta.dirname, '../..')
const MODULES = join(ROOT, 'node_modules')
/** All that a build reads. */
const SOURCES = ['bin', 'migrations', 'packages', 'src', 'mikro-orm.config.ts', 'tsconfig.json', 'tsconfig.build.json']
/** And what is published as it is. */
const PUBLISHED = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'scopes.json']

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program as a user's shell would: the test runner puts hooks of its own into every Node below it. */
export async function run(cwd: string, ...words: string[]): Promise<Ran> {
  // The registry may be reached through a proxy with a certificate of its own.
  const { PATH, HOME, NODE_EXTRA_CA_CERTS } = process.env
  const env = {
    PATH,
    HOME,
    ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }),
    npm_config_update_notifier: 'false',
    npm_config_loglevel: 'error',
    // Without a registry, tests of it are skipped soon.
    npm_config_fetch_retries: '1',
    npm_config_fetch_retry_mintimeout: '1000',
  }
  const options = { cwd, env: env as NodeJS.ProcessEnv, maxBuffer: 64 * 1024 * 1024 }
  return promisify(execFile)('env', ['-u', 'NODE_OPTIONS', ...words], options).then(
    ended => ({ code: 0, ...ended }),
    error => ({ code: error.code ?? 1, stdout: error.stdout ?? '', stderr: error.stderr ?? String(error) }),
  )
}

export const node = (cwd: string, ...words: string[]) => run(cwd, process.execPath, ...words)

/** A folder outside of the checkout, where nothing is found by looking further up. */
export function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'postern-packed-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Builds and packs a copy, so that tests beside this one keep the `dist` they use. */
export async function pack(t: Test): Promise<{ tarball: string; files: string[] }> {
  const copy = folder(t)
  for (const name of [...SOURCES, ...PUBLISHED]) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(MODULES, join(copy, 'node_modules'))
  const built = await run(copy, 'npm', 'run', '--silent', 'build')
  if (built.code !== 0) throw new Error(built.stdout + built.stderr)
  const packed = await run(copy, 'npm', 'pack', '--ignore-scripts', '--json')
  const [{ filename, files }] = Object.values(JSON.parse(packed.stdout)) as [Packed]
  return { tarball: join(copy, filename), files: files.map(file => file.path) }
}

/** Builds and packs the guard's package. */
export async function packGuard(t: Test): Promise<string> {
  const copy = folder(t)
  for (const name of ['packages', 'tsconfig.json']) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(MODULES, join(copy, 'node_modules'))
  const home = join(copy, 'packages/guard')
  const { code, stdout, stderr } = await run(home, 'npm', 'pack', '--json', '--silent')
  const json = stdout.slice(stdout.search(/^[[{]/m))
  if (code !== 0) throw new Error(stdout + stderr)
  const [{ filename }] = Object.values(JSON.parse(json)) as [Packed]
  return join(home, filename)
}

interface Packed {
  filename: string
  files: { path: string }[]
}

/**
 * A folder with the package as a registry would have brought it, and nothing else of ours. Only what it names in its
 * `dependencies` is beside it, and what the application itself would install; those are links, so that no registry is
 * needed.
 * @param own packages of the application
 * @param without dependencies that are left out
 */
export async function install(t: Test, tarball: string, own: string[], without: string[] = []): Promise<string> {
  const path = folder(t)
  const home = join(path, 'node_modules/postern')
  mkdirSync(home, { recursive: true })
  await run(path, 'tar', '-xzf', tarball, '-C', home, '--strip-components=1')
  const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const names = Object.keys(dependencies).filter(name => !without.includes(name))
  for (const name of new Set([...names, ...own])) {
    const link = join(path, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(MODULES, name), link)
  }
  write(path, { 'package.json': '{"type":"module","private":true}' })
  return path
}

export function write(path: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
}

/** What the compiler says of a folder's TypeScript. */
export async function compile(path: string, options: object = {}): Promise<string[]> {
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    types: ['node'],
    ...options,
  }
  write(path, { 'tsconfig.json': JSON.stringify({ compilerOptions, include: ['*.ts'] }) })
  const { stdout } = await node(path, join(MODULES, 'typescript/lib/tsc.js'), '-p', path, '--pretty', 'false')
  return stdout.split('\n').filter(line => /^\S/.test(line))
}

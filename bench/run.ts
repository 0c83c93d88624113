import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, parse } from 'node:path'
import { Command } from 'commander'
import type { Bench, Case } from './bench.ts'
import { createDatabase } from './databases.ts'
import { machine } from './machine.ts'
import { table } from './table.ts'

const FOLDER = join(import.meta.dirname, 'cases')
const NAMES = readdirSync(FOLDER).map(file => parse(file).name)
const SERVER = process.env.BENCH_DATABASE_URL || 'postgres://postgres@127.0.0.1:5432/postgres'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

interface Flags {
  quick?: true
  embedded?: true
}

const command = new Command('bench')
  .description('Measures Postern in comparison with its limiting factors and with peers.')
  .argument('[cases...]', `any of ${NAMES.join(', ')}; default: all`)
  .option('--quick', 'one short round of each case, as a smoke test')
  .option('--embedded', 'without PostgreSQL: only cases that are meaningful on the embedded database')
  .addHelpText('after', `\nBENCH_DATABASE_URL names the PostgreSQL, by default ${SERVER}.`)
  .action(runAll)
await command.parseAsync()

async function runAll(chosen: string[], flags: Flags): Promise<void> {
  const unknown = chosen.filter(name => !NAMES.includes(name))
  if (unknown.length > 0) command.error(`There is no case ${unknown.join(', ')}; there are ${NAMES.join(', ')}.`)
  process.stdout.write(`${await machine(flags.embedded ? undefined : SERVER)}\n`)
  for (const name of chosen.length > 0 ? chosen : NAMES) {
    const { bench } = (await import(join(FOLDER, `${name}.ts`))) as { bench: Case }
    process.stdout.write(`\n${name}: ${bench.about}\n\n`)
    if (flags.embedded && !bench.embedded) process.stdout.write('  skipped: it needs a PostgreSQL\n')
    else await runOne(bench, flags)
  }
}

async function runOne({ run }: Case, { quick = false, embedded = false }: Partial<Record<keyof Flags, boolean>>) {
  const deferred: (() => Promise<unknown>)[] = []
  const defer: Bench['defer'] = work => void deferred.push(work)
  const cleanUp = async () => {
    for (const work of deferred.splice(0).reverse()) await work()
  }
  const interrupted = () => void cleanUp().finally(() => process.exit(130))
  for (const signal of SIGNALS) process.once(signal, interrupted)
  try {
    const environment: Bench['environment'] = options =>
      embedded || options?.embedded ? inFolder(defer) : onPostgres(defer)
    const { rows, notes = [] } = await run({
      quick,
      embedded,
      rounds: quick ? 1 : 5,
      seconds: quick ? 0.3 : 3,
      environment,
      say: text => void process.stderr.write(`  ${text} …\n`),
      defer,
    })
    process.stdout.write([table(rows, !quick), ...notes.map(note => `  ${note}`), ''].join('\n'))
  } finally {
    await cleanUp()
    for (const signal of SIGNALS) process.off(signal, interrupted)
  }
}

async function onPostgres(defer: Bench['defer']): Promise<NodeJS.ProcessEnv> {
  const database = await createDatabase(SERVER)
  defer(database.drop)
  return { ...common(), DATABASE_URL: database.url }
}

async function inFolder(defer: Bench['defer']): Promise<NodeJS.ProcessEnv> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'))
  defer(() => rm(folder, { recursive: true, force: true }))
  return { ...common(), DATA_DIR: folder, DATABASE_URL: '' }
}

function common(): NodeJS.ProcessEnv {
  return {
    APP_KEY: randomBytes(32).toString('base64'),
    ISSUER: 'http://localhost:3000',
    LOG_LEVEL: 'warn',
    // A load may issue more tokens to one user than a person would have.
    TOKENS_PER_USER: '1000000',
  }
}

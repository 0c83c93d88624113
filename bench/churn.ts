import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { startEngine } from '../src/database/embedded/engine.ts'

/**
 * Opens and closes the embedded database repeatedly while other threads are busy, and counts the processes that crash: V8
 * has a bug in its management of code pages that occurs when WebAssembly is compiled and freed on several threads
 * (nodejs/node#64500). Each process opens several databases concurrently, so that one starts while another stops.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    processes: { type: 'string', default: '60' },
    opens: { type: 'string', default: '10' },
    busy: { type: 'string', default: '1' },
    flags: { type: 'string', default: '' },
  },
})
const CONCURRENCY = 3
/** Runs enough of PostgreSQL's code that V8 recompiles it with optimizations while other engines open and close. */
const WORK = `select count(*), max(md5(a.i::text || b.proname)) from generate_series(1, 20) a(i), pg_proc b where b.proname ~ 'a.*e'`

if (positionals[0] === 'process') await churn(Number(values.opens), Number(values.busy))
else await count(Number(values.processes))

/** The work of one process. @param opens databases to open and close @param busy number of threads in a busy loop */
async function churn(opens: number, busy: number): Promise<void> {
  const spinners = Array.from({ length: busy }, () => new Worker('for (;;);', { eval: true }))
  let remaining = opens
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (remaining-- > 0) {
        const engine = await startEngine({})
        for (let i = 0; i < 5; i++) await engine.query(WORK, [])
        await engine.close()
      }
    }),
  )
  await Promise.all(spinners.map(spinner => spinner.terminate()))
}

async function count(processes: number): Promise<void> {
  const { opens, busy, flags } = values
  const crashes: string[] = []
  for (let done = 1; done <= processes; done++) {
    const child = fork(import.meta.filename, ['process', '--opens', opens, '--busy', busy], {
      execArgv: ['--conditions=postern-source', ...flags.split(' ').filter(Boolean)],
      silent: true,
    })
    let output = ''
    child.stderr?.on('data', text => {
      output += text
    })
    const [code, signal] = await once(child, 'exit')
    if (code !== 0)
      crashes.push(`${signal ?? code}: ${/Check failed.*/.exec(output)?.[0] ?? output.trim().slice(0, 200)}`)
    process.stdout.write(`\r${done} processes, ${done * Number(opens)} opens, ${crashes.length} crashed `)
  }
  process.stdout.write(`\n${crashes.map(line => `  ${line}\n`).join('')}`)
}

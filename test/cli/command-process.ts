import { Readable } from 'node:stream'
import { main } from '../../src/cli.ts'
import type { Command } from './postern.ts'

/** Runs the commands that `oneProcess` sends, one after another, as `bin/postern.js` would. */

type Write = typeof process.stdout.write

function capture(name: 'stdout' | 'stderr'): () => string {
  let said = ''
  process[name].write = ((text: string, ...rest: (() => void)[]) => {
    said += text
    rest.at(-1)?.()
    return true
  }) as Write
  return () => said
}

// Each command listens for errors of the streams.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0)

// The test was killed.
process.on('disconnect', () => process.exit())

process.on('message', async ({ args, env, input }: Command) => {
  process.env = env
  Object.defineProperty(process, 'stdin', { value: Readable.from([input]), configurable: true })
  const [stdout, stderr] = [capture('stdout'), capture('stderr')]
  const code = await main(args)
  process.send?.({ code, stdout: stdout(), stderr: stderr() })
})

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { START_ARGUMENTS } from '../helpers/process.ts'
import { type Command, type CommandLine, commandLine, commandsOn, type Ended } from './postern.ts'

const PROGRAM = join(import.meta.dirname, 'command-process.ts')
const FLAGS = START_ARGUMENTS.filter(word => word.startsWith('--'))

type Test = { teardown(work: () => unknown): void }

/**
 * As `commandLine`, for a test of many commands: one process runs them all, one after another, since most of the time of a
 * command is that of loading its code. How a process begins and ends is tested elsewhere.
 */
export async function oneProcess(t: Test): Promise<CommandLine> {
  const { NODE_COMPILE_CACHE, PATH } = process.env
  const child = fork(PROGRAM, { execArgv: FLAGS, env: { PATH, NODE_COMPILE_CACHE } })
  t.teardown(() => child.kill('SIGKILL'))
  const { env } = await commandLine(t)
  let last: Promise<unknown> = Promise.resolve()
  return commandsOn(env, command => {
    const result = last.then(() => execute(child, command))
    last = result.catch(() => {})
    return result
  })
}

async function execute(child: ChildProcess, command: Command): Promise<Ended> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process ended with ${code} in: postern ${command.args.join(' ')}`)
  })
  ended.catch(() => {})
  child.send(command)
  const [result] = await Promise.race([once(child, 'message'), ended])
  return result as Ended
}

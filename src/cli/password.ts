import { createInterface, type Interface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { CommandError, UsageError } from './errors.ts'

/**
 * The password of a new user: never an argument, which every process of the machine may read.
 * @param fromStdin all of standard input but a last newline; otherwise a terminal asks for it twice, without echo
 * @throws UsageError when there is nothing to read it from
 */
export async function readPassword(fromStdin: boolean | undefined): Promise<string> {
  if (fromStdin) return (await text(process.stdin)).replace(/\r?\n$/, '')
  if (process.stdin.isTTY) return askTwice()
  throw new UsageError('A password is needed: send it to --password-stdin, or use a terminal.')
}

async function askTwice(): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    const password = await ask(terminal, 'Password: ')
    const again = await ask(terminal, 'Once more: ')
    if (again.normalize('NFC') === password.normalize('NFC')) return password
    throw new CommandError('The two passwords differ.')
  } finally {
    terminal.close()
  }
}

async function ask(terminal: Interface, question: string): Promise<string> {
  const left = new AbortController()
  const leave = () => left.abort()
  terminal.once('close', leave)
  process.stderr.write(question)
  try {
    return await terminal.question('', { signal: left.signal })
  } catch (error) {
    throw left.signal.aborted ? new CommandError('No password was given.') : error
  } finally {
    terminal.off('close', leave)
    process.stderr.write('\n')
  }
}

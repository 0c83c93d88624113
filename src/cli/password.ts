import { createInterface, type Interface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { CommandError, UsageError } from './errors.ts'

/**
 * Reads a new password. It is no argument of a command, because other processes can read arguments.
 * @param fromStdin read all of standard input without its last newline; otherwise prompt twice, without echo
 * @throws UsageError without a terminal
 */
export async function readPassword(fromStdin: boolean | undefined): Promise<string> {
  if (fromStdin) return (await text(process.stdin)).replace(/\r?\n$/, '')
  if (process.stdin.isTTY) return promptTwice()
  throw new UsageError('A password is required. Use a terminal, or send the password to --password-stdin.')
}

async function promptTwice(): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    const password = await prompt(terminal, 'Password: ')
    const again = await prompt(terminal, 'Confirm password: ')
    if (again.normalize('NFC') === password.normalize('NFC')) return password
    throw new CommandError('The passwords do not match.')
  } finally {
    terminal.close()
  }
}

async function prompt(terminal: Interface, question: string): Promise<string> {
  const closed = new AbortController()
  const abort = () => closed.abort()
  terminal.once('close', abort)
  process.stderr.write(question)
  try {
    return await terminal.question('', { signal: closed.signal })
  } catch (error) {
    throw closed.signal.aborted ? new CommandError('No password was entered.') : error
  } finally {
    terminal.off('close', abort)
    process.stderr.write('\n')
  }
}

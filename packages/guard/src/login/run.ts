import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** A keyring may ask the user for its password meanwhile. */
const TIMEOUT_MS = 60_000

/**
 * Runs a tool of the system, with `input` on its standard input, where other processes cannot read it.
 * @returns its standard output; undefined if it is missing, fails or takes longer than a minute
 */
export async function runTool(program: string, args: readonly string[], input = ''): Promise<string | undefined> {
  // Not `timeout`, whose timer keeps the process alive for a minute if the tool is missing.
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], signal, windowsHide: true })
  const ended = new Promise<number | null>(resolve => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  // A tool that fails does not read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const output = text(child.stdout).catch(() => '')
  return (await ended) === 0 ? output : undefined
}

import { once } from 'node:events'
import { createReadStream, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { StartupError } from '../errors/errors.ts'
import type { Write } from './write.ts'

const REASONS: Record<string, string> = {
  EEXIST: 'it already exists, and files are never overwritten. Choose another name.',
  ENOENT: 'there is no such file or directory.',
  ENOTDIR: 'there is no such directory.',
  EISDIR: 'it is a directory.',
  EACCES: 'this user has no permission.',
  EPERM: 'this user has no permission.',
  EROFS: 'the file system is read-only.',
  ENOSPC: 'the disk is full. Free some space, or write to another disk.',
  EDQUOT: 'the quota of this user is used up.',
  EFBIG: 'the file system does not support files of that size.',
  EPIPE: 'its reader closed the pipe.',
}

/** @returns an error that names the file; errors that do not come from the file system are returned unchanged */
function fileProblem(file: string, action: 'read' | 'written', error: unknown): Error {
  const { code = '' } = error as NodeJS.ErrnoException
  const reason = REASONS[code]
  return reason ? new StartupError(`${file} cannot be ${action} (${code}): ${reason}`, error) : (error as Error)
}

/**
 * Writes a file that only its owner can read. On a failure it deletes the file.
 * @param file the path of a new file; `-`: standard output
 * @param options gzip: whether it is compressed, which is the default
 * @throws StartupError when the file exists or cannot be written completely
 */
export async function writeFile<T>(
  file: string,
  work: (write: Write) => Promise<T>,
  { gzip = true }: { gzip?: boolean } = {},
): Promise<T> {
  if (file === '-') return writeTo(process.stdout, work, gzip).catch(error => fail('standard output', error))
  const handle = await open(file, 'wx', 0o600).catch(error => fail(file, error))
  try {
    return await writeTo(handle.createWriteStream({ flush: true }), work, gzip)
  } catch (error) {
    rmSync(file, { force: true })
    return fail(file, error)
  }
}

function fail(file: string, error: unknown): never {
  throw fileProblem(file, 'written', error)
}

async function writeTo<T>(target: Writable, work: (write: Write) => Promise<T>, compress: boolean): Promise<T> {
  const gzip = compress ? createGzip() : new PassThrough()
  let failure: unknown
  target.once('error', error => {
    failure = error
    gzip.destroy(error)
  })
  gzip.on('error', () => {})
  gzip.pipe(target, { end: target !== process.stdout })
  const result = await work(async text => {
    if (failure) throw failure
    if (!gzip.write(text)) await once(gzip, 'drain')
  })
  gzip.end()
  await finished(target === process.stdout ? gzip : target)
  return result
}

/** @param file `-`: standard input */
export async function withFile<T>(file: string, work: (source: Readable) => Promise<T>): Promise<T> {
  const source = file === '-' ? process.stdin : createReadStream(file)
  try {
    return await work(source)
  } catch (error) {
    if (error instanceof StartupError && !error.cause) {
      throw new StartupError(`${file === '-' ? 'Standard input' : file} cannot be restored: ${error.message}`)
    }
    throw fileProblem(file, 'read', error)
  } finally {
    source.destroy()
  }
}

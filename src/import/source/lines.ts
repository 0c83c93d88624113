import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { StartupError } from '../../errors/errors.ts'
import { createDecode, type Decode } from './text-decoder.ts'

export interface Lines {
  lines: string[]
  /** Bytes of the file that have been read. */
  done: number
}

/** Longer than the largest packet of MySQL by default, which limits a statement of a dump. */
const MAX_LINE = 128 * 1024 * 1024
const CHUNK = 256 * 1024

/**
 * The lines of a file, in chunks and without their ends. A file may be compressed by gzip, begin with a byte order mark, and
 * have the line ends of Windows. Only a line feed ends a line: `readline` also splits at U+2028, which a string of a dump may
 * contain.
 * @param encoding its name in the Encoding Standard
 * @throws StartupError when the file cannot be read
 */
export async function* readLines(file: string, encoding = 'utf-8'): AsyncGenerator<Lines> {
  const zipped = await isGzip(file).catch(error => {
    throw unreadable(file, error)
  })
  const content = createReadStream(file, { highWaterMark: CHUNK })
  let decode: Decode | undefined
  let withoutEnds: ((lines: string[]) => string[]) | undefined
  let rest = ''
  try {
    for await (const chunk of zipped ? unzipped(content) : content) {
      decode ??= createDecode(encoding, chunk as Buffer)
      const lines = (rest + decode.write(chunk as Buffer)).split('\n')
      rest = lines.pop() as string
      if (rest.length > MAX_LINE) throw new StartupError(`${file}: a line is longer than ${MAX_LINE} characters.`)
      if (lines.length === 0) continue
      withoutEnds ??= lines[0]?.endsWith('\r') ? withoutReturns : asTheyAre
      yield { lines: withoutEnds(lines), done: content.bytesRead }
    }
  } catch (error) {
    throw error instanceof StartupError ? error : unreadable(file, error)
  } finally {
    content.destroy()
  }
  yield { lines: (withoutEnds ?? asTheyAre)([rest + (decode?.end() ?? '')]), done: content.bytesRead }
}

/** In a file whose first line ends like this, every line does: a carriage return that belongs to a value is escaped. */
const withoutReturns = (lines: string[]) => lines.map(line => (line.endsWith('\r') ? line.slice(0, -1) : line))

const asTheyAre = (lines: string[]) => lines

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0).finally(() => handle.close())
  return buffer[0] === 0x1f && buffer[1] === 0x8b
}

function unzipped(content: Readable): Readable {
  const unzip = createGunzip()
  content.on('error', error => unzip.destroy(error))
  return content.pipe(unzip)
}

/** @throws StartupError */
function unreadable(file: string, error: unknown): StartupError {
  const { code, message } = error as NodeJS.ErrnoException
  return new StartupError(`${file} cannot be read: ${code ?? message}.`, error)
}

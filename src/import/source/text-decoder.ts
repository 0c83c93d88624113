import { StringDecoder } from 'node:string_decoder'
import { StartupError } from '../../errors/errors.ts'

/** Turns the bytes of a file into text, chunk by chunk. */
export interface Decode {
  write(chunk: Buffer): string
  end(): string
}

/** Encodings by their names in MySQL and PostgreSQL. MySQL calls windows-1252 `latin1`. */
const ENCODINGS: Record<string, string> = {
  latin1: 'windows-1252',
  latin2: 'iso-8859-2',
  latin9: 'iso-8859-15',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  koi8r: 'koi8-r',
  win1250: 'windows-1250',
  win1251: 'windows-1251',
  win1252: 'windows-1252',
  iso_8859_5: 'iso-8859-5',
  sjis: 'shift_jis',
  gbk: 'gbk',
  big5: 'big5',
  ...Object.fromEntries(
    ['utf8', 'utf8mb3', 'utf8mb4', 'unicode', 'binary', 'ascii', 'sql_ascii'].map(name => [name, 'utf-8']),
  ),
}

/**
 * The name in the Encoding Standard of an encoding that a dump says it is in.
 * @throws StartupError for an encoding that is not known: its texts would become others
 */
export function encodingOf(name: string, file: string): string {
  const encoding = ENCODINGS[name.toLowerCase()]
  if (encoding !== undefined) return encoding
  throw new StartupError(`${file} is in the encoding ${name}, which is not known. Write the dump in UTF-8.`)
}

/** @param start the first bytes, where a byte order mark names the encoding */
export function createDecode(encoding: string, start: Buffer): Decode {
  // A shell on Windows writes the output of a command in UTF-16.
  const name = start[0] === 0xff && start[1] === 0xfe ? 'utf-16le' : encoding
  // Faster than `TextDecoder` on streams.
  if (name === 'utf-8') return createUtf8()
  const decoder = new TextDecoder(name)
  return { write: chunk => decoder.decode(chunk, { stream: true }), end: () => decoder.decode() }
}

function createUtf8(): Decode {
  const decoder = new StringDecoder('utf8')
  let begun = false
  return {
    write(chunk) {
      const text = decoder.write(chunk)
      if (begun || text === '') return text
      begun = true
      return text.startsWith('\uFEFF') ? text.slice(1) : text
    },
    end: () => decoder.end(),
  }
}

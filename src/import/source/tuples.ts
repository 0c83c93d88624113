/** The values of the rows in a part of `insert into … values (…),(…);`. */
export interface Tuples {
  rows: (string | null)[][]
  /** What follows the last complete row: the beginning of one that continues in the next line. */
  rest: string
  /** Whether the statement ended. */
  ended: boolean
}

const BLANKS = ' \r\n\t'

/** What to do with a row that exists already. */
const ON_CONFLICT = /^ON (CONFLICT|DUPLICATE KEY)\b.*;\s*$/i

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '0': '\0', b: '\b', Z: '\x1a' }

/**
 * Reads rows of values.
 * @param backslashes whether a backslash escapes a character in a string, as in MySQL
 * @throws SyntaxError for text that is no list of rows
 */
export function readTuples(text: string, backslashes: boolean): Tuples {
  const rows: (string | null)[][] = []
  let at = 0
  for (;;) {
    const start = at
    while (at < text.length && ' ,\r\n\t'.includes(text[at] as string)) at++
    if (at >= text.length) return { rows, rest: '', ended: false }
    if (text[at] === ';') return { rows, rest: '', ended: true }
    if (text[at] !== '(') {
      if (ON_CONFLICT.test(text.slice(at))) return { rows, rest: '', ended: true }
      throw new SyntaxError('a list of values was expected')
    }
    const tuple = readTuple(text, at + 1, backslashes)
    if (!tuple) return { rows, rest: text.slice(start), ended: false }
    rows.push(tuple.values)
    at = tuple.end
  }
}

/** @param at behind the parenthesis @returns undefined if the row continues in the next line */
function readTuple(text: string, at: number, backslashes: boolean) {
  const values: (string | null)[] = []
  for (let next = at; ; next++) {
    while (BLANKS.includes(text[next] as string)) next++
    const value = text[next] === "'" ? readString(text, next + 1, backslashes) : readBare(text, next, backslashes)
    if (!value) return undefined
    values.push(value.value)
    next = value.end
    while (BLANKS.includes(text[next] as string)) next++
    if (text[next] === ')') return { values, end: next + 1 }
    if (next >= text.length) return undefined
    if (text[next] !== ',') throw new SyntaxError('a comma was expected between two values')
  }
}

interface Value {
  value: string | null
  end: number
}

/** A quote within the string is doubled, or escaped by a backslash. */
function readString(text: string, start: number, backslashes: boolean): Value | undefined {
  let value = ''
  let from = start
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (character === '\\' && backslashes) {
      const escaped = text[at + 1]
      if (escaped === undefined) return undefined
      value += text.slice(from, at) + (ESCAPES[escaped] ?? escaped)
      from = ++at + 1
    } else if (character === "'") {
      if (text[at + 1] !== "'") return { value: value + text.slice(from, at), end: at + 1 }
      value += text.slice(from, at + 1)
      from = ++at + 1
    }
  }
  return undefined
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i
const KEYWORD = /^(null|true|false|default)$/i
/** Perhaps with a character set. */
const HEX = /^(?:_\w+ *)?0x((?:[0-9a-f]{2})*)$/i
/** A character set of MySQL, national characters, bits, and escapes of PostgreSQL. */
const PREFIX = /^(_\w+|n|b|e)$/i

/** A number, a keyword, or a string with a prefix such as `_binary 'a'` or `E'a'`. @throws SyntaxError for any other word */
function readBare(text: string, start: number, backslashes: boolean): Value | undefined {
  let end = start
  while (end < text.length && !",)'".includes(text[end] as string)) end++
  if (end >= text.length) return undefined
  const word = text.slice(start, end).trim()
  if (text[end] === "'") {
    if (!PREFIX.test(word)) throw new SyntaxError('a comma was expected before a string')
    return readString(text, end + 1, backslashes || /^e$/i.test(word))
  }
  const [, hex] = HEX.exec(word) ?? []
  if (hex !== undefined) return { value: Buffer.from(hex, 'hex').toString(), end }
  if (!NUMBER.test(word) && !KEYWORD.test(word)) throw new SyntaxError('a value is neither a number nor a string')
  return { value: /^null$/i.test(word) ? null : word, end }
}

import type { LoggedError } from './log-error.ts'

const LEVELS: Record<number, string> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' }
/** Members that are the same on every line, or that the line begins with. */
const OMITTED = new Set(['level', 'time', 'pid', 'hostname', 'reqId', 'msg', 'err'])
/** Characters that control a terminal. */
const CONTROL = /[^\P{Cc}\n]|\p{Bidi_Control}/gu

const printable = (text: string) => text.replaceAll(CONTROL, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * Renders a line of the log for a person at a terminal.
 * @param json a line as it is logged otherwise
 * @example
 * textLine('{"level":30,"time":0,"msg":"request","status":401}') // '00:00:00.000 INFO  request status=401\n'
 */
export function textLine(json: string): string {
  const { level, time, msg = '', err, ...fields } = JSON.parse(json) as Record<string, unknown>
  const at = new Date(Number(time)).toISOString().slice(11, 23)
  const details = Object.entries(fields)
    .filter(([name]) => !OMITTED.has(name))
    .flatMap(([name, value]) => (name === 'req' ? requestDetails(value as object) : [detail(name, value)]))
  const first = [at, LEVELS[Number(level)]?.padEnd(5) ?? level, String(msg).replaceAll('\n', ' '), ...details].join(' ')
  return printable(`${first}\n${err ? errorLines(err as LoggedError) : ''}`)
}

const requestDetails = (request: object) => Object.entries(request).map(([name, value]) => detail(name, value))

const detail = (name: string, value: unknown) =>
  `${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`

function errorLines({ stack, type, message, cause }: LoggedError): string {
  const text = stack || `${type}: ${message}`
  const indented = text
    .split('\n')
    .map(line => `    ${line.trimEnd()}\n`)
    .join('')
  return cause ? `${indented}    caused by:\n${errorLines(cause)}` : indented
}

/** Writes each line of the log as text. */
export const textStream = (output: { write(text: string): unknown }) => ({
  write: (json: string) => void output.write(textLine(json)),
})

/** The log levels, with the numbers that the server's log uses too. */
const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Number.POSITIVE_INFINITY }

export type LogLevel = keyof typeof LEVELS
export const LOG_LEVELS = Object.keys(LEVELS) as LogLevel[]

/** Writes one line. @param fields further members; never a token, a header or the path of a client */
type Write = (message: string, fields?: Record<string, unknown>) => void

export interface Log {
  debug: Write
  info: Write
  warn: Write
  error: Write
  /** Whether lines of this level are written. */
  has(level: LogLevel): boolean
}

/**
 * Makes a log of one line for each message: JSON with the members `level`, `time` and `msg` as the server writes it, or text
 * for a person at a terminal.
 * @param output where lines are written
 */
export function createLog(level: LogLevel, output: NodeJS.WritableStream & { isTTY?: boolean }): Log {
  const format = output.isTTY ? readable : json
  const at =
    (name: LogLevel): Write =>
    (message, fields = {}) => {
      if (LEVELS[name] >= LEVELS[level]) output.write(`${format(name, message, fields)}\n`)
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    has: name => LEVELS[name] >= LEVELS[level],
  }
}

const json = (level: LogLevel, msg: string, fields: object) =>
  JSON.stringify({ level: LEVELS[level], time: Date.now(), pid: process.pid, ...fields, msg })

function readable(level: LogLevel, message: string, fields: object): string {
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  // JSON escapes control characters, which could otherwise change the terminal.
  return `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${JSON.stringify(message).slice(1, -1)}${details.join('')}`
}

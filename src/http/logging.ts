import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Config } from '../config/config.ts'
import { serializeError } from './log-error.ts'
import { textStream } from './text-log.ts'

/** Keeps secrets out of the log: it contains no headers, bodies or query strings, which may contain codes. */
const redactedLogging = {
  serializers: {
    req: (request: FastifyRequest) => ({ method: request.method, path: loggedPath(request.url), address: request.ip }),
    err: (error: unknown) => serializeError(error),
  },
  redact: {
    paths: ['*.password', '*.token', '*.secret', '*.authorization', '*.cookie'],
    censor: '[redacted]',
  },
}

/** Options for a standalone server: logs to standard output from this level on, as text to a terminal and otherwise as JSON. */
export function loggerOptions({ logLevel: level, logFormat }: LogConfig): FastifyServerOptions['logger'] & object {
  const isText = logFormat === 'auto' ? process.stdout.isTTY : logFormat === 'text'
  return { level, ...redactedLogging, ...(isText && { stream: textStream(process.stdout) }) }
}

type LogConfig = Pick<Config, 'logLevel' | 'logFormat'>

/** A logger for a server that is embedded in another application: its log, with our redaction. */
export function loggerWithin(log: FastifyBaseLogger): FastifyBaseLogger {
  return log.child({}, redactedLogging)
}

/** Logs one line per request: 5xx as error, 401 and 429 as info, everything else as debug. */
export function useRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply
    const level = statusCode >= 500 ? 'error' : statusCode === 401 || statusCode === 429 ? 'info' : 'debug'
    request.log[level]({ req: request, status: statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 }, 'request')
    done()
  })
}

/** Masks long path segments: no id is as long as a token, and users may paste a token instead of an id. */
export const loggedPath = (url: string) => url.split('?', 1)[0]?.replaceAll(/[^/]{41,}/g, '[long]')

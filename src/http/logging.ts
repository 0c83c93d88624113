import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Config } from '../config/config.ts'
import { serializeError } from './log-error.ts'

/** Nothing secret reaches a log: no header, no body, no query string, since codes travel there. */
const redactedLogging = {
  serializers: {
    req: (request: FastifyRequest) => ({ method: request.method, path: path(request.url), address: request.ip }),
    err: (error: unknown) => serializeError(error),
  },
  redact: {
    paths: ['*.password', '*.token', '*.secret', '*.authorization', '*.cookie'],
    censor: '[redacted]',
  },
}

/** For a server of its own: lines on standard output from this level on. */
export function loggerOptions(level: Config['logLevel']): FastifyServerOptions['logger'] & object {
  return { level, ...redactedLogging }
}

/** For a server inside another application: that application's log, with our discretion. */
export function loggerWithin(log: FastifyBaseLogger): FastifyBaseLogger {
  return log.child({}, redactedLogging)
}

/** One line for each request: failures of ours are errors, refusals are news, the rest is for debugging. */
export function useRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply
    const level = statusCode >= 500 ? 'error' : statusCode === 401 || statusCode === 429 ? 'info' : 'debug'
    request.log[level]({ req: request, status: statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 }, 'request')
    done()
  })
}

/** No id is as long as a token; people do paste one where an id belongs. */
const path = (url: string) => url.split('?', 1)[0]?.replaceAll(/[^/]{41,}/g, '[long]')

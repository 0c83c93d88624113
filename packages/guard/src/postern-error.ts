import type { ErrorCode } from './error-code.ts'

/**
 * The error type of Postern. Domain functions throw it, and an error handler renders it: as problem details (RFC 9457) in the
 * JSON API, as `{error, error_description}` (RFC 6749 §5.2) in protocol routes, as a page in the web interface.
 */
export interface ErrorInit {
  /** HTTP status. */
  status: number
  /** A stable, machine-readable name in snake_case. */
  code: ErrorCode
  /** One sentence for the person who has to fix it. Never contains a secret, a path or a query. */
  detail: string
  /** Response headers of the error, such as its challenge. */
  headers?: Record<string, string>
  /** Further members of the problem details. */
  extra?: Record<string, unknown>
  /** For the log; never sent. */
  cause?: unknown
}

export class PosternError extends Error {
  readonly status: number
  readonly code: ErrorCode
  readonly headers: Record<string, string>
  readonly extra: Record<string, unknown>

  constructor(init: ErrorInit) {
    super(init.detail, init.cause === undefined ? undefined : { cause: init.cause })
    this.name = 'PosternError'
    this.status = init.status
    this.code = init.code
    this.headers = init.headers ?? {}
    this.extra = init.extra ?? {}
  }

  /** Fastify's default error handler reads it, so that embedding applications send the right status. */
  get statusCode(): number {
    return this.status
  }
}

/** The body of an error response: problem details (RFC 9457 §3). */
export function toProblem({ status, code, message, extra }: PosternError) {
  return { type: `urn:postern:error:${code}`, title: title(code), status, detail: message, ...extra }
}

const title = (code: string) => (code.charAt(0).toUpperCase() + code.slice(1)).replaceAll('_', ' ')

/** 500 for an unexpected error. The response reveals nothing about it. */
export const internalError = (cause: unknown) =>
  new PosternError({
    status: 500,
    code: 'internal_error',
    detail: 'An unexpected error occurred and was logged.',
    cause,
  })

/** `throw` where a value is expected. */
export function raise(error: Error): never {
  throw error
}

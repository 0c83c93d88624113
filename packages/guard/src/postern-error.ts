/**
 * The one error type of Postern. A domain function throws it, a context renders it: problem details (RFC 9457) for
 * the JSON API, `{error, error_description}` (RFC 6749 §5.2) for the protocol, a page for people.
 */
export interface ErrorInit {
  /** HTTP status. */
  status: number
  /** A stable, machine-readable name, snake_case. */
  code: string
  /** One sentence for the person who has to mend it; never a secret, a path or a query. */
  detail: string
  /** Response headers the error brings along, such as its challenge. */
  headers?: Record<string, string>
  /** Further members of the problem details. */
  extra?: Record<string, unknown>
  /** Kept for the log and never sent. */
  cause?: unknown
}

export class PosternError extends Error {
  readonly status: number
  readonly code: string
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

  /** What Fastify's own error handler reads, so that the error behaves in applications we never see. */
  get statusCode(): number {
    return this.status
  }
}

/** The body of an error answer: problem details (RFC 9457 §3). */
export function toProblem({ status, code, message, extra }: PosternError) {
  return { type: `urn:postern:error:${code}`, title: title(code), status, detail: message, ...extra }
}

const title = (code: string) => (code.charAt(0).toUpperCase() + code.slice(1)).replaceAll('_', ' ')

/** Whatever was not foreseen: it says nothing of itself. */
export const internalError = (cause: unknown) =>
  new PosternError({
    status: 500,
    code: 'internal_error',
    detail: 'Something went wrong here. It has been logged.',
    cause,
  })

/** `throw` where a value is expected. */
export function raise(error: Error): never {
  throw error
}

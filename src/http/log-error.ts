/** What stands in a log besides message and stack: names, codes and places, which no request chooses. */
const FIELDS = ['code', 'statusCode', 'severity', 'schema', 'table', 'column', 'constraint', 'routine', 'syscall']
/** Causes of causes; a circle of them ends here too. */
const MAX_DEPTH = 5

export interface LoggedError {
  type: string
  message: string
  stack: string
  cause?: LoggedError
  errors?: LoggedError[]
  [field: string]: unknown
}

/**
 * An error as it is logged. Only what is named here is written: libraries hang on their errors what they worked on,
 * rows and parameters of the database, bodies, tokens.
 */
export function serializeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error', stack: '' }
  const { name, message, stack = '', cause } = error
  const fields = FIELDS.filter(field => isPlain(error[field as keyof Error])).map(field => [
    field,
    error[field as keyof Error],
  ])
  const errors = (error as AggregateError).errors
  const deeper = depth < MAX_DEPTH
  return {
    type: name,
    message,
    stack,
    ...Object.fromEntries(fields),
    ...(deeper && cause instanceof Error && { cause: serializeError(cause, depth + 1) }),
    ...(deeper &&
      Array.isArray(errors) && { errors: errors.slice(0, MAX_DEPTH).map(each => serializeError(each, depth + 1)) }),
  }
}

const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number'

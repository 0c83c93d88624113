/** Fields that are logged in addition to message and stack: names, codes and locations, which requests cannot control. */
const FIELDS = ['code', 'statusCode', 'severity', 'schema', 'table', 'column', 'constraint', 'routine', 'syscall']
/** Maximum depth of nested causes, which also ends cycles. */
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
 * Serializes an error for the log. Only the fields listed here are included, since libraries attach their input to errors:
 * database rows and parameters, bodies, tokens.
 */
export function serializeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error', stack: '' }
  const { name, message, stack = '', cause } = error
  const fields = FIELDS.filter(field => isPlain(error[field as keyof Error])).map(field => [
    field,
    error[field as keyof Error],
  ])
  const errors = (error as AggregateError).errors
  const isNestable = depth < MAX_DEPTH
  return {
    type: name,
    message,
    stack,
    ...Object.fromEntries(fields),
    ...(isNestable && cause instanceof Error && { cause: serializeError(cause, depth + 1) }),
    ...(isNestable &&
      Array.isArray(errors) && { errors: errors.slice(0, MAX_DEPTH).map(each => serializeError(each, depth + 1)) }),
  }
}

const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number'

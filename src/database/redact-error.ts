/** Fields of a PostgreSQL error that may contain rows, parameters or statements: hashes, e-mail addresses, tokens. */
const WITH_VALUES = ['detail', 'where', 'internalQuery', 'query', 'params', 'parameters', 'queryOptions']
/** Class 22, data exception (PostgreSQL, appendix A): its message quotes the value. */
const DATA_EXCEPTION = /^22...$/

/**
 * Removes row values from a database error in place, before it can be logged or sent. It still names the condition and, if
 * any, the constraint, the table and the column.
 * @example `Key (hash)=(\x…) already exists.` is removed; `violates unique constraint "users_email_unique"` is not
 */
export function redactError<T>(error: T): T {
  if (!(error instanceof Error)) return error
  const fields = error as Error & Record<string, unknown>
  for (const name of WITH_VALUES) delete fields[name]
  if (DATA_EXCEPTION.test(String(fields.code))) redactMessage(error)
  return error
}

function redactMessage(error: Error): void {
  const { message, stack } = error
  const redacted = message.replaceAll(/"[\s\S]*"/g, '"…"')
  error.message = redacted
  if (stack !== undefined) error.stack = stack.replace(message, () => redacted)
}

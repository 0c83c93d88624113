/** What PostgreSQL adds to an error and has rows, parameters or statements in it: hashes, e-mail addresses, tokens. */
const WITH_VALUES = ['detail', 'where', 'internalQuery', 'query', 'params', 'parameters', 'queryOptions']
/** Class 22, data exception (PostgreSQL, appendix A): its message quotes the value. */
const DATA_EXCEPTION = /^22...$/

/**
 * Takes from an error of the database what it says of rows and values, in place, before anything can log or show it.
 * What is left names the condition and, where there is one, the constraint, the table and the column.
 * @example `Key (hash)=(\x…) already exists.` goes; `violates unique constraint "users_email_unique"` stays
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

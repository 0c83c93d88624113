/** What is logged outside a request. pino's loggers are such. */
export interface Log {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

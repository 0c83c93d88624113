/** The logger for messages outside a request; pino's loggers satisfy it. */
export interface Log {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

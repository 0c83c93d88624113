const MAX_LENGTH = 500
/** From the first quote to the last one; to the end, if there is only one. A quote may be dollars (`$$`, `$tag$`). */
const LITERALS = /(?:'|\$\w*\$)(?:[\s\S]*(?:'|\$\w*\$)|[\s\S]*)/

/**
 * Removes every value from a statement: all from the first quote to the last one, and numbers. What is left names the operation,
 * the tables and the columns, since each literal stands between its own quotes.
 * @example
 * redactSql(`select id from users where email = 'ada@example.com' and state = 1`)
 * // select id from users where email = '…' and state = ?
 */
export function redactSql(sql: string): string {
  const short = sql.length > MAX_LENGTH * 4 ? `${sql.slice(0, MAX_LENGTH * 4)}'` : sql
  return short
    .replace(LITERALS, "'…'")
    .replaceAll(/(?<![\w$"])-?\d[\w.]*/g, '?')
    .replaceAll(/\s+/g, ' ')
    .slice(0, MAX_LENGTH)
}

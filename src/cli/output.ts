/** Characters that control a terminal, or change the order in which text is displayed. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
/** Those of them that `JSON.stringify` does not escape. */
const CONTROL_IN_JSON = /[\x7f-\x9f\p{Bidi_Control}]/gu

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes control characters, for names that users chose. */
export const printable = (text: string) => text.replaceAll(CONTROL, escaped)

/**
 * Writes a result to stdout: as JSON with the field names of the API, or as text.
 * @param text without the final newline
 */
export function printResult(json: boolean | undefined, data: unknown, text: string): void {
  const body = json ? JSON.stringify(data, null, 2).replaceAll(CONTROL_IN_JSON, escaped) : text
  process.stdout.write(`${body}\n`)
}

/** Writes to stderr, so that a pipe does not receive it. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

type Cell = string | number | boolean | Date | null | undefined

/** A table with aligned columns. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings.map(h => h.toUpperCase()), ...rows.map(row => row.map(cell))]
  const widths = headings.map((_, i) => Math.max(...lines.map(line => line[i]?.length ?? 0)))
  return lines
    .map(line =>
      line
        .map((text, i) => text.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value: Cell): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return printable(value instanceof Date ? day(value) : String(value))
}

/** UTC to the second, for times that someone waits for. */
export const time = (date: Date) => `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`

/** UTC to the minute. JSON output has the exact time. */
export const day = (date: Date) => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`

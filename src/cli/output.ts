/** Characters that would act on a terminal, or show a text in another order than it has. */
const ACTIVE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
/** The same, as far as `JSON.stringify` leaves them as they are. */
const ACTIVE_IN_JSON = /[\x7f-\x9f\p{Bidi_Control}]/gu

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A name that somebody chose is shown as text, whatever it holds. */
export const printable = (text: string) => text.replaceAll(ACTIVE, escaped)

/**
 * Answers on stdout: as JSON for a program, in snake_case as on the wire, or as text for a person.
 * @param text lines without the last newline
 */
export function answer(json: boolean | undefined, data: unknown, text: string): void {
  const body = json ? JSON.stringify(data, null, 2).replaceAll(ACTIVE_IN_JSON, escaped) : text
  process.stdout.write(`${body}\n`)
}

/** What a person should know, and a pipe should not. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

type Cell = string | number | boolean | Date | null | undefined

/** Columns under their headings, each as wide as it has to be. */
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

/** The second in UTC, for what is waited for. */
export const time = (date: Date) => `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`

/** Minutes in UTC are enough for a person; a program reads the JSON. */
export const day = (date: Date) => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`

/** Finds the end of a statement of a dump without reading its values: the first semicolon that is in no string. */
export class StatementEnd {
  /** Whether a backslash escapes a character in every string, as in MySQL. */
  readonly #backslashes: boolean
  /** The string that continues in the next line. */
  #string: { backslashes: boolean } | undefined

  constructor(backslashes: boolean) {
    this.#backslashes = backslashes
  }

  /** Whether the next line continues a string. */
  get isWithinString(): boolean {
    return this.#string !== undefined
  }

  /** @param line the next line of the statement @returns whether the statement ends in it */
  isIn(line: string): boolean {
    let semicolon = line.indexOf(';')
    for (let at = 0; ; ) {
      if (this.#string) {
        const quote = endOfString(line, at, this.#string.backslashes)
        if (quote < 0) return false
        this.#string = undefined
        at = quote + 1
      }
      if (semicolon >= 0 && semicolon < at) semicolon = line.indexOf(';', at)
      const quote = line.indexOf("'", at)
      if (semicolon >= 0 && (quote < 0 || semicolon < quote)) return true
      if (quote < 0) return false
      this.#string = { backslashes: this.#backslashes || /[eE]/.test(line[quote - 1] ?? '') }
      at = quote + 1
    }
  }
}

/** Where the string ends: at the next quote that is neither doubled nor escaped by a backslash; -1: in a later line. */
function endOfString(line: string, start: number, backslashes: boolean): number {
  for (let from = start; ; ) {
    const quote = line.indexOf("'", from)
    if (quote < 0) return -1
    const escaped = backslashes && isEscaped(line, quote, start)
    if (!escaped && line[quote + 1] !== "'") return quote
    from = quote + (escaped ? 1 : 2)
  }
}

function isEscaped(line: string, quote: number, start: number): boolean {
  let first = quote
  while (first > start && line[first - 1] === '\\') first--
  return (quote - first) % 2 === 1
}

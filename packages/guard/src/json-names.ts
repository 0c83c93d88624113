const PIECE = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs

/**
 * Whether the outermost object of a JSON text has two members of the same name. Parsers disagree on which one wins (RFC 7519
 * §4, RFC 8725 §2.4).
 * @param json valid JSON
 */
export function hasDuplicateNames(json: string): boolean {
  const names = new Set<string>()
  let depth = 0
  let last = ''
  for (const [piece] of json.matchAll(PIECE)) {
    if (piece === '{' || piece === '[') depth++
    else if (piece === '}' || piece === ']') depth--
    else if (piece === ':' && depth === 1) {
      const name = JSON.parse(last) as string
      if (names.has(name)) return true
      names.add(name)
    }
    last = piece
  }
  return false
}

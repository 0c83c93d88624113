/**
 * Formats of texts that another system issued and whose rows an issuer has imported: `opaque` texts are looked up by their
 * hash, a `jwt` by its signature and its `jti`.
 */
export const IMPORTED_FORMATS = ['opaque', 'jwt'] as const
export type ImportedFormat = (typeof IMPORTED_FORMATS)[number]

/** Three parts in base64url (RFC 7515 §7.1). */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Printable ASCII without blanks. Sanctum's texts contain a bar, which RFC 6750 §2.1 does not allow. */
const OPAQUE = /^[\x21-\x7e]{20,4096}$/
/** Longer than any header of a system that is imported. */
const MAX_HEADER = 1_024

/**
 * The format that a text would have if another system had issued it; undefined: only this issuer can have issued it, or
 * nobody.
 * @example importedFormat('17|pt75FhkkpiwdMc501OVcjGzXsogBVd2WU6RNXdq3') // 'opaque'
 */
export function importedFormat(text: string): ImportedFormat | undefined {
  if (COMPACT_JWS.test(text)) return isOurType(text) ? undefined : 'jwt'
  return OPAQUE.test(text) ? 'opaque' : undefined
}

/** Whether the header has the type of RFC 9068 §2.1, or cannot be read. */
function isOurType(text: string): boolean {
  const end = text.indexOf('.')
  if (end > MAX_HEADER) return true
  try {
    const { typ } = JSON.parse(Buffer.from(text.slice(0, end), 'base64url').toString()) as { typ?: unknown }
    return typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ)
  } catch {
    return true
  }
}

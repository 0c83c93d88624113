/** The status reference of a token (draft-ietf-oauth-status-list §6.1). */
export interface StatusReference {
  uri: string
  idx: number
}

/** Reads the status reference of a `status` claim; undefined when it has none or an invalid one. */
export type ToStatusReference = (status: unknown) => StatusReference | undefined

/**
 * @param issuer the current issuer, at which the lists of previous issuers are fetched
 * @param issuers the issuer and its previous identifiers, which older tokens have in the URIs of their lists
 */
export function createToStatusReference(issuer: string, issuers: () => readonly string[]): ToStatusReference {
  /** Thousands of tokens name the same list. Sharing one string makes look-ups faster. */
  const uris = new Map<string, string>()

  function internUri(original: string): string {
    const prefix = issuers().find(each => original.startsWith(`${each}/`))
    if (prefix === undefined) return original
    const uri = issuer + original.slice(prefix.length)
    uris.set(original, uris.get(uri) ?? uri)
    return uris.get(original) as string
  }

  return status => {
    const { uri, idx } = (status as { status_list?: Partial<StatusReference> } | undefined)?.status_list ?? {}
    if (typeof uri !== 'string' || !Number.isInteger(idx) || Number(idx) < 0) return undefined
    return { uri: uris.get(uri) ?? internUri(uri), idx: Number(idx) }
  }
}

import { isIP } from 'node:net'

/** Whose passkeys they are (WebAuthn Level 3 §4, Relying Party Identifier). */
export interface RelyingParty {
  /** The host of the issuer. */
  id: string
  /** The only origin whose pages may use them. */
  origin: string
  /** What authenticators show. */
  name: string
}

/**
 * @returns undefined where browsers offer no passkeys: at an address without a host name, or by http at a host that is not
 *   this computer (Secure Contexts §3.1)
 * @example relyingPartyOf('https://auth.example.com/postern')?.id // 'auth.example.com'
 */
export function relyingPartyOf(issuer: string): RelyingParty | undefined {
  const { protocol, hostname, origin, host } = new URL(issuer)
  if (hostname.startsWith('[') || isIP(hostname)) return undefined
  const isSecure = protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost')
  return isSecure ? { id: hostname, origin, name: host } : undefined
}

/** A loopback address with a port of its own (RFC 8252 §7.3). */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\])):(\d{1,5})(?=[/?]|$)/

/**
 * Whether a client may be answered here: at exactly what it registered (RFC 9700 §2.1). Only the port of a loopback
 * address is free, where none was registered: an app gets it from the system each time (RFC 8252 §7.3).
 */
export function isRegistered(redirectUri: string, registered: readonly string[]): boolean {
  if (registered.includes(redirectUri)) return true
  const port = Number(LOOPBACK.exec(redirectUri)?.[2])
  return port > 0 && port < 65_536 && registered.includes(redirectUri.replace(LOOPBACK, '$1'))
}

/**
 * Where forms may lead on the way to this redirect URI, as sources of the policy's `form-action`. Browsers hold every
 * redirect that follows a form to it, also those of the app, which is free to send people on to its other hosts: so the
 * scheme is all that can be said.
 */
export function formActionSources(redirectUri: string): string[] {
  const { protocol } = new URL(redirectUri)
  return protocol === 'http:' ? ['https:', 'http:'] : [protocol]
}

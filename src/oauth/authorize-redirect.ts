/** A loopback URI: origin without the port, port, and the rest. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(\d{1,5}))?([/?].*)?$/i

/**
 * Whether a redirect URI exactly matches a registered one (RFC 9700 §2.1). Only the port of a loopback URI may differ, since
 * the system assigns it to the app each time (RFC 8252 §7.3, RFC 9700 §4.1.3). The host must still match, since `localhost`
 * may resolve to another address than `127.0.0.1`.
 * @example isRegistered('http://127.0.0.1:51004/cb', ['http://127.0.0.1:8080/cb']) // true
 */
export function isRegistered(redirectUri: string, registered: readonly string[]): boolean {
  if (registered.includes(redirectUri)) return true
  const wanted = withoutPort(redirectUri)
  return wanted !== undefined && registered.some(uri => withoutPort(uri) === wanted)
}

/** @returns undefined if it is not a loopback URI, or has an invalid port */
function withoutPort(uri: string): string | undefined {
  const [, origin, port = '80', rest = ''] = LOOPBACK.exec(uri) ?? []
  return origin !== undefined && Number(port) > 0 && Number(port) < 65_536 ? origin.toLowerCase() + rest : undefined
}

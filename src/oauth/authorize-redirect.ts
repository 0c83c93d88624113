/** A loopback address: origin without the port, port, and what follows. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(\d{1,5}))?([/?].*)?$/i

/**
 * Whether a client may be answered here: at exactly what it registered (RFC 9700 §2.1). Only the port of a loopback
 * address is free, whether one was registered or not: an app gets it from the system each time (RFC 8252 §7.3,
 * RFC 9700 §4.1.3). The host is still the registered one, since `localhost` may resolve elsewhere than `127.0.0.1`.
 * @example isRegistered('http://127.0.0.1:51004/cb', ['http://127.0.0.1:8080/cb']) // true
 */
export function isRegistered(redirectUri: string, registered: readonly string[]): boolean {
  if (registered.includes(redirectUri)) return true
  const wanted = withoutPort(redirectUri)
  return wanted !== undefined && registered.some(uri => withoutPort(uri) === wanted)
}

/** @returns undefined for what is no loopback address, or has no possible port */
function withoutPort(uri: string): string | undefined {
  const [, origin, port = '80', rest = ''] = LOOPBACK.exec(uri) ?? []
  return origin !== undefined && Number(port) > 0 && Number(port) < 65_536 ? origin.toLowerCase() + rest : undefined
}

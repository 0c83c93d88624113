/** Hosts of this machine or of a network that nobody else reads: private addresses, names without a dot or for local use. */
const LOCAL =
  /^(localhost|[^.:]+|.+\.(localhost|local|internal|test)|127(\.\d+){3}|10(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|169\.254(\.\d+){2}|\[(::1|f[cd][0-9a-f]{2}:.*|fe80:.*)\])$/

/**
 * @param issuer in its one form
 * @returns what whoever set it should know; undefined where it is https, or stays on this machine or a private network
 */
export function plainHttpWarning(issuer: string): string | undefined {
  const { protocol, hostname } = new URL(issuer)
  if (protocol === 'https:' || LOCAL.test(hostname)) return undefined
  return (
    `The issuer ${issuer} is plain http on a public address: whoever is on the way reads tokens and passwords, and can ` +
    'replace the signing keys. Use https, as with a proxy in front, and an https ISSUER.'
  )
}

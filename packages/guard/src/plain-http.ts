/** Hosts of this machine or of a private network: private addresses, names without a dot, names for local use. */
const LOCAL =
  /^(localhost|[^.:]+|.+\.(localhost|local|internal|test)|127(\.\d+){3}|10(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|169\.254(\.\d+){2}|\[(::1|f[cd][0-9a-f]{2}:.*|fe80:.*)\])$/

/**
 * @param issuer in normal form
 * @returns a warning for the operator; undefined for https, this machine and private networks
 */
export function plainHttpWarning(issuer: string): string | undefined {
  const { protocol, hostname } = new URL(issuer)
  if (protocol === 'https:' || LOCAL.test(hostname)) return undefined
  return (
    `The issuer ${issuer} is plain http on a public address: anyone on the network path can read tokens and passwords, and ` +
    'replace the signing keys. Use https, for example by a TLS proxy in front, and set an https ISSUER.'
  )
}

import type { Config } from '../config/config.ts'
import { splitHosts } from '../config/database-hosts.ts'
import { type Check, ok, warning } from './finding.ts'

/** A random value of this length in base64 has about 35 different characters. */
const FEWEST_CHARACTERS = 12
const FEWEST_BYTES = 16
const COMMON_PASSWORDS = new Set(['postgres', 'postern', 'password', 'secret', 'admin', 'changeme'])
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Values that a server accepts and an attacker guesses. */
export function valuesCheck(config: Config): Check {
  return {
    name: 'values',
    remedy: '',
    async run() {
      const findings = [...secretFindings(config), ...networkFindings(config)]
      return findings.length > 0 ? findings : ok('No secret is weak.')
    },
  }
}

function secretFindings(config: Config) {
  const weak = (variable: string, command = 'openssl rand -base64 32') =>
    warning(`${variable} is not random.`, `Set a random one: ${command}`)
  const { appKey, metricsToken, scimToken, initialAccessToken, databaseUrl = '' } = config
  const findings = []
  if (new Set(Buffer.from(appKey, 'base64')).size < FEWEST_BYTES) findings.push(weak('APP_KEY'))
  if (isMonotonous(metricsToken)) findings.push(weak('METRICS_TOKEN'))
  if (isMonotonous(initialAccessToken)) findings.push(weak('INITIAL_ACCESS_TOKEN'))
  if (isMonotonous(scimToken)) findings.push(weak('SCIM_TOKEN'))
  if ((splitHosts(databaseUrl) ?? [databaseUrl]).some(hasGuessablePassword)) {
    findings.push(warning('The password in DATABASE_URL is easy to guess.', 'Change it: alter role … password …'))
  }
  return findings
}

/** A URL without a password is one of a certificate, or of a server on this machine. */
function hasGuessablePassword(databaseUrl: string): boolean {
  const { hostname = '', username = '', password = '' } = URL.parse(databaseUrl) ?? {}
  return password !== '' && !LOOPBACK.test(hostname) && (COMMON_PASSWORDS.has(password) || password === username)
}

const isMonotonous = (secret: string | undefined) => secret !== undefined && new Set(secret).size < FEWEST_CHARACTERS

function networkFindings({ issuer, fetchLoopback, trustProxy }: Config) {
  const findings = []
  const { protocol, hostname } = new URL(issuer)
  const isPublic = !LOOPBACK.test(hostname)
  if (isPublic && protocol === 'http:') {
    findings.push(warning(`ISSUER ${issuer} is not https: passwords and tokens cross the network in clear.`, HTTPS))
  }
  if (isPublic && fetchLoopback) {
    findings.push(warning('FETCH_LOOPBACK is on: clients may make the server read from this machine.', 'Remove it.'))
  }
  if (typeof trustProxy === 'string' && /(^|,)\s*(0\.0\.0\.0|::)\/[01]\b/.test(trustProxy)) {
    findings.push(warning('TRUST_PROXY trusts half of the Internet.', 'Name the addresses of your proxies only.'))
  }
  return findings
}

const HTTPS = 'Put a proxy that terminates TLS in front, and set ISSUER to its https URL.'

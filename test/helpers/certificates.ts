import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Test = { testdir(): string }

/** A certificate authority that only the test trusts. */
export interface Authority {
  /** Its own certificate in PEM. */
  ca: string
  /** @param names DNS names; @returns a key and a certificate in PEM, as `createServer` of https takes them */
  issue(...names: string[]): { key: string; cert: string }
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export function createAuthority(t: Test): Authority {
  const directory = t.testdir()
  const at = (name: string) => join(directory, name)
  openssl('req', '-x509', ...NEW_KEY, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=ca', '-days', '2')
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    issue(...names) {
      writeFileSync(at('names'), `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}`)
      openssl('req', ...NEW_KEY, '-keyout', at('key'), '-out', at('csr'), '-subj', '/CN=host')
      const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')]
      openssl('x509', '-req', '-in', at('csr'), ...signed, '-out', at('cert'), '-days', '2')
      return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('cert'), 'utf8') }
    },
  }
}

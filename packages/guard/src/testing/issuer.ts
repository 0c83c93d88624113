import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { accessTokenClaims } from '../claims.ts'
import { checkOptions, isUri, renamedTo } from '../options.ts'
import type { Credentials } from '../remote/http.ts'
import { STATUS, type Status } from '../status-bits.ts'
import { refuseInProduction } from './production.ts'
import { type IssuedTestToken, issuerRoutes } from './routes.ts'
import { createStatuses } from './statuses.ts'

export interface TestIssuerOptions {
  /** The deployment's audience: of tokens that name none. Default `https://api.example.com`. */
  audience?: string
}

export interface TestToken {
  /** The id of the user; without one the client acts for itself. */
  user?: string
  /** The id of the client. Default `testing`. */
  client?: string
  /** Default: none. */
  scopes?: readonly string[]
  /** A negative number makes one that has expired. Default 3600. */
  expiresInSeconds?: number
  /** One, or several. Default: the issuer's. */
  audience?: string | string[]
}

export interface TestIssuer {
  /** Its name, and where it listens. */
  readonly url: string
  /** For the guard under test: issuer, audience and the credentials of a client. */
  readonly guard: { issuer: string; audience: string } & Credentials
  /** A signed access token, as its text. */
  token(of?: TestToken): Promise<string>
  /** Every guard refuses it from the next request on. @throws TypeError for a text that was not issued here */
  revoke(text: string): void
  suspend(text: string): void
  /** After `suspend`. */
  restore(text: string): void
  close(): Promise<void>
}

/**
 * An issuer for the tests of resource servers, on a free port of 127.0.0.1: signs (ES256), publishes metadata, keys and
 * status lists, feeds and introspects as Postern does, from memory.
 * @throws in production, and TypeError for an audience that is no absolute URI
 */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  refuseInProduction('createTestIssuer')
  checkOptions('createTestIssuer', options, { audience: isUri })
  const { audience: defaultAudience = 'https://api.example.com' } = options
  const kid = randomUUID()
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] }
  const sign = (payload: JWTPayload, typ: string) =>
    new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid, typ }).sign(privateKey)

  const credentials = { clientId: 'resource-server', clientSecret: randomUUID() }
  const statuses = createStatuses()
  const issued = new Map<string, IssuedTestToken>()

  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', issuerRoutes({ url, audience: defaultAudience, jwks, sign, credentials, statuses, issued }))

  const change = (text: string, status: Status) => {
    const found = issued.get(text)
    if (!found) throw new TypeError('This token was not issued here.')
    statuses.set(found.statusReference, status)
  }

  return {
    url,
    guard: { issuer: url, audience: defaultAudience, ...credentials },
    async token(of = {}) {
      checkOptions('token', of, { expiresIn: renamedTo('expiresInSeconds') })
      const { user, client = 'testing', scopes = [], expiresInSeconds = 3_600, audience = defaultAudience } = of
      const issuedAt = new Date()
      const expiresAt = new Date(issuedAt.getTime() + expiresInSeconds * 1_000)
      const statusReference = statuses.take()
      const subject = { id: randomUUID(), user: user ?? null, client, scopes, issuedAt, expiresAt }
      const claims = accessTokenClaims({ issuer: url, audience, ...subject, ...statusReference })
      const text = await sign(claims, 'at+jwt')
      issued.set(text, { claims, statusReference })
      return text
    },
    revoke: text => change(text, STATUS.revoked),
    suspend: text => change(text, STATUS.suspended),
    restore: text => change(text, STATUS.valid),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

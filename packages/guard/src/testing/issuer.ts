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

/** The options of `createTestIssuer`. */
export interface TestIssuerOptions {
  /** The deployment's audience, for tokens without an audience of their own. Default `https://api.example.com`. */
  audience?: string
}

/** The options of `TestIssuer.token`. */
export interface TestToken {
  /** The id of the user. Default: none, a machine's token. */
  user?: string
  /** The id of the client. Default `testing`. */
  client?: string
  /** Default: none. */
  scopes?: readonly string[]
  /** A negative number makes an expired token. Default 3600. */
  expiresInSeconds?: number
  /** One audience or several. Default: the deployment's. */
  audience?: string | string[]
}

/** An issuer for tests. */
export interface TestIssuer {
  /** The issuer identifier, at which it listens. */
  readonly url: string
  /** Options for the guard under test: issuer, audience and the credentials of a client. */
  readonly guard: { issuer: string; audience: string } & Credentials
  /** Issues a signed access token (RFC 9068) and returns its text. */
  token(options?: TestToken): Promise<string>
  /** Revokes a token. Guards reject it from the next request on. @throws TypeError for a token of another issuer */
  revoke(text: string): void
  /** Suspends a token, as `revoke` does until `restore`. @throws TypeError for a token of another issuer */
  suspend(text: string): void
  /** Ends a suspension. @throws TypeError for a token of another issuer */
  restore(text: string): void
  /** Closes the server and its connections. */
  close(): Promise<void>
}

/**
 * Starts an issuer for the tests of resource servers on a free port of 127.0.0.1. It signs tokens (ES256) and serves metadata
 * (RFC 8414), keys, status lists, the event feed and introspection (RFC 7662) as Postern does, from memory.
 * @throws Error when `NODE_ENV` is `production`
 * @throws TypeError for an audience that is not an absolute URI
 * @example
 * const issuer = await createTestIssuer()
 * await app.register(guard, issuer.guard)
 * const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
 * issuer.revoke(token)
 * await issuer.close()
 */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  refuseInProduction('createTestIssuer')
  checkOptions('createTestIssuer', options, { audience: isUri })
  const { audience: defaultAudience = 'https://api.example.com' } = options
  const kid = `post_${randomUUID()}`
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] }
  const sign = (payload: JWTPayload, typ: string) =>
    new SignJWT(payload).setProtectedHeader({ kid, alg: 'ES256', typ }).sign(privateKey)

  const credentials = { clientId: 'resource-server', clientSecret: randomUUID() }
  const statuses = createStatuses()
  const issued = new Map<string, IssuedTestToken>()

  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', issuerRoutes({ url, audience: defaultAudience, jwks, sign, credentials, statuses, issued }))

  const change = (text: string, status: Status) => {
    const token = issued.get(text)
    if (!token) throw new TypeError('This token was issued by another issuer.')
    statuses.set(token.statusReference, status)
  }

  return {
    url,
    guard: { issuer: url, audience: defaultAudience, ...credentials },
    async token(tokenOptions = {}) {
      checkOptions('token', tokenOptions, { expiresIn: renamedTo('expiresInSeconds') })
      const {
        user,
        client = 'testing',
        scopes = [],
        expiresInSeconds = 3_600,
        audience = defaultAudience,
      } = tokenOptions
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

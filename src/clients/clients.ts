import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { Changes } from '../changes/changes.ts'
import type { Database } from '../database.ts'
import { invalid, notFound } from '../errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { Client, GRANT_TYPES, type GrantType, type TokenFormat } from './client.entity.ts'

export interface NewClient {
  name: string
  /** A public client has no secret: an app on a phone, a page, a command line. */
  public?: boolean
  grantTypes?: readonly string[]
  redirectUris?: readonly string[]
  /** Omitted: every scope of the catalogue. */
  scopes?: readonly string[]
  /** Makes the client a resource server: the URI its tokens are meant for (RFC 8707). */
  audience?: string
  tokenFormat?: TokenFormat
  userId?: string
}

export interface Clients {
  /** @returns the client and, once, the text of its secret */
  create(input: NewClient): Promise<{ client: Client; secret: string | undefined }>
  find(id: string): Promise<Client>
  list(page?: { limit?: number; after?: string }): Promise<Client[]>
  /** From the next request on none of its tokens opens anything. */
  revoke(id: string): Promise<void>
  /** The client that personal tokens are issued under; made if it does not exist. */
  personalAccess(): Promise<Client>
}

/** 256 bits; stored as SHA-256, since a slow hash adds nothing to a random secret. */
const newSecret = () => randomBytes(32).toString('base64url')
export const hashSecret = (text: string) => createHash('sha256').update(text).digest('hex')

export function createClients(db: Database, changes: Changes, catalogue: Catalogue): Clients {
  let personal: Promise<Client> | undefined

  const insert = (values: Partial<Client> & Pick<Client, 'name' | 'secrets'>) =>
    db.run(async em => {
      const now = new Date()
      const client = em.create(Client, { ...blank(), id: uuid(), createdAt: now, updatedAt: now, ...values })
      await em.flush()
      return client
    })

  return {
    async create(input) {
      const values = checked(input, catalogue)
      const secret = input.public ? undefined : newSecret()
      const secrets = secret
        ? [{ hash: hashSecret(secret), created_at: new Date().toISOString(), expires_at: null }]
        : []
      return {
        client: await insert({ ...values, secrets, authMethod: secret ? 'client_secret_basic' : 'none' }),
        secret,
      }
    },
    async find(id) {
      const client = await db.run(em => em.findOne(Client, { id }))
      if (!client) throw notFound('client')
      return client
    },
    list: ({ limit = 50, after } = {}) =>
      db.run(em => em.find(Client, after ? { id: { $gt: after } } : {}, { orderBy: { id: 'asc' }, limit })),
    async revoke(id) {
      const revoked = await changes.transaction(async (em, announce) => {
        announce({ kind: 'client', id })
        return em.nativeUpdate(Client, { id, personalAccess: false }, { revoked: true, updatedAt: new Date() })
      })
      if (revoked === 0) throw notFound('client')
    },
    personalAccess() {
      personal ??= ensurePersonal().catch(error => {
        personal = undefined
        throw error
      })
      return personal
    },
  }

  async function ensurePersonal(): Promise<Client> {
    const existing = () => db.run(em => em.findOne(Client, { personalAccess: true }))
    const made = await existing()
    if (made) return made
    // Another node may make it in the same moment: the partial unique index lets one through.
    await insert({ name: 'Personal access tokens', secrets: [], personalAccess: true }).catch(error => {
      if (error.code !== '23505') throw error
    })
    return (await existing()) as Client
  }
}

const blank = () => ({
  authMethod: 'none' as const,
  jwks: null,
  registrationHash: null,
  metadata: null,
  accessTokenLifetime: null,
  refreshTokenLifetime: null,
  redirectUris: [] as string[],
  grantTypes: [] as GrantType[],
  scopes: null,
  audience: null,
  tokenFormat: 'jwt' as const,
})

function checked(input: NewClient, catalogue: Catalogue) {
  const redirectUris = (input.redirectUris ?? []).map(checkedRedirectUri)
  return {
    name: checkedName(input.name),
    redirectUris,
    grantTypes: checkedGrants(input, redirectUris),
    scopes: input.scopes ? catalogue.resolve(input.scopes) : null,
    audience: input.audience === undefined ? null : checkedAudience(input.audience),
    tokenFormat: input.tokenFormat ?? 'jwt',
    user: input.userId ?? null,
  }
}

function checkedName(text: string): string {
  const name = text.trim()
  if (name.length >= 1 && name.length <= 255) return name
  throw invalid({ path: 'name', message: 'must have 1 to 255 characters' })
}

/** What is not asked for follows from the rest: redirects mean people, a secret alone means a machine. */
function checkedGrants(input: NewClient, redirectUris: string[]): GrantType[] {
  const standard: GrantType[] =
    redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : input.public ? [] : ['client_credentials']
  const grants = (input.grantTypes ?? standard).map((name, i) => {
    const grant = GRANT_TYPES.find(g => g === name)
    if (!grant) throw invalid({ path: `grant_types/${i}`, message: `must be one of ${GRANT_TYPES.join(', ')}` })
    return grant
  })
  if (input.public && grants.includes('client_credentials')) {
    throw invalid({ path: 'grant_types', message: 'a public client has no credentials to use client_credentials with' })
  }
  if (grants.includes('authorization_code') && redirectUris.length === 0) {
    throw invalid({ path: 'redirect_uris', message: 'authorization_code needs at least one redirect URI' })
  }
  return [...new Set(grants)]
}

/** Schemes that run or show what follows them. */
const DANGEROUS = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'])

/** Absolute, without a fragment (RFC 6749 §3.1.2); https, loopback http, or an app's own scheme (RFC 8252 §7). */
function checkedRedirectUri(text: string, index: number): string {
  const uri = URL.parse(text)
  const path = `redirect_uris/${index}`
  if (!uri || text.includes('#') || text.includes('*')) {
    throw invalid({ path, message: 'must be an absolute URI without a fragment or wildcard' })
  }
  if (DANGEROUS.has(uri.protocol)) throw invalid({ path, message: `must not use ${uri.protocol}` })
  if (uri.protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(uri.hostname)) {
    throw invalid({ path, message: 'must use https, but for loopback addresses' })
  }
  if (uri.protocol !== 'http:' && uri.protocol !== 'https:' && !uri.protocol.includes('.')) {
    throw invalid({ path, message: 'must use a private scheme with a dot in it, such as com.example.app' })
  }
  return text
}

function checkedAudience(text: string): string {
  const uri = URL.parse(text)
  if (uri && !uri.hash && text.length <= 2_000) return text
  throw invalid({ path: 'audience', message: 'must be an absolute URI without a fragment' })
}

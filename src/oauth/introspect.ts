import type { Audience } from '../../packages/guard/src/audience.ts'
import { statusListUri } from '../../packages/guard/src/claims.ts'
import { wholeSecond } from '../../packages/guard/src/token.ts'
import { type Client, clientIdOf } from '../clients/client.entity.ts'
import type { Database } from '../database/database.ts'
import type { FindRefreshHash } from '../grants/refresh-texts.ts'
import { USER_READ } from '../scopes/catalogue.ts'
import { type AudienceConfig, isMeantForResourceServer } from '../tokens/audience.ts'
import type { Inspect, Inspected } from '../tokens/inspect.ts'
import { signedAudience } from '../tokens/mint.ts'
import { clientRowOf, refusalReason } from '../tokens/records.ts'
import type { Usage } from '../tokens/usage.ts'

/** RFC 7662 §2.2. For an inactive token, only `active` is present. Times are in seconds since the epoch. */
export interface Introspection {
  active: boolean
  scope?: string
  client_id?: string
  /** The e-mail address; only for the resource server that the token is meant for, and only with `user:read`. */
  username?: string
  /** Absent for a refresh token, which does not authorize requests. */
  token_type?: 'Bearer'
  exp?: number
  iat?: number
  sub?: string
  aud?: Audience
  iss?: string
  jti?: string
  /** The status reference, so that the response can be cached until the status changes (draft-ietf-oauth-status-list §6). */
  status?: { status_list: { idx: number; uri: string } }
}

/**
 * Introspects a token for a client. A resource server sees tokens for its audience or for the whole deployment; every client
 * sees its own tokens. Other tokens are inactive, like unknown ones.
 */
export type Introspect = (client: Client, text: string) => Promise<Introspection>

export interface IntrospectOptions {
  db: Database
  inspect: Inspect
  usage: Usage
  findRefreshHash: FindRefreshHash
  config: AudienceConfig
}

const INACTIVE: Introspection = Object.freeze({ active: false })

export function createIntrospect({ db, inspect, usage, findRefreshHash, config }: IntrospectOptions): Introspect {
  const { issuer: iss } = config

  function introspectAccessToken(client: Client, { record, audience }: Inspected): Introspection {
    const isMeantForClient = isMeantForResourceServer(audience, client.audience, config)
    if (refusalReason(record) || !(isMeantForClient || clientRowOf(record.token) === client.id)) return INACTIVE
    const { token, user, issuedAt, expiresAt } = record
    // A resource server introspects a token when it is used there. A client that introspects its own token does not use it.
    if (isMeantForClient) usage.touch(token.id, Date.now(), client.audience)
    return {
      active: true,
      scope: token.scopes.join(' '),
      client_id: token.clientId,
      ...(isMeantForClient && user?.email && user.emailConfirmed && token.can(USER_READ) && { username: user.email }),
      token_type: 'Bearer',
      exp: wholeSecond(expiresAt),
      iat: wholeSecond(issuedAt),
      sub: token.userId ?? token.clientId,
      aud: signedAudience(audience),
      iss,
      jti: token.id,
      status: {
        status_list: { idx: record.statusReference.index, uri: statusListUri(iss, record.statusReference.list) },
      },
    }
  }

  /** Only for the client that it was issued to: a resource server could mistake it for an access token and accept it. */
  async function introspectRefreshToken(client: Client, text: string): Promise<Introspection> {
    const hash = await findRefreshHash(text)
    if (!hash) return INACTIVE
    const [row] = await db.query<RefreshRow>(LIVE_REFRESH, [hash, client.id])
    if (!row) return INACTIVE
    return {
      active: true,
      scope: row.scopes.join(' '),
      client_id: clientIdOf(client),
      exp: wholeSecond(new Date(row.expires_at).getTime()),
      iat: wholeSecond(new Date(row.created_at).getTime()),
      sub: row.subject ?? row.user_id,
      iss,
    }
  }

  return async (client, text) => {
    const found = inspect(text)
    const inspected = found instanceof Promise ? await found : found
    return inspected ? introspectAccessToken(client, inspected) : introspectRefreshToken(client, text)
  }
}

interface RefreshRow {
  user_id: string
  subject: string | null
  scopes: string[]
  created_at: Date | string
  expires_at: Date | string
}

const LIVE_REFRESH = `
  select r.user_id, u.subject, r.scopes, r.created_at, r.expires_at
  from oauth_refresh_tokens r join users u on u.id = r.user_id
  where r.hash = ? and r.client_id = ? and not r.revoked and r.used_at is null and r.expires_at > now()
    and u.disabled_at is null`

import type { Audience } from '../../packages/guard/src/audience.ts'
import { statusListUri } from '../../packages/guard/src/claims.ts'
import { wholeSecond } from '../../packages/guard/src/token.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { isRefreshText } from '../grants/refresh-family.ts'
import { USER_READ } from '../scopes/catalogue.ts'
import { hashSecret } from '../security/secrets.ts'
import { type AudienceConfig, isMeantForResourceServer } from '../tokens/audience.ts'
import type { Inspect, Inspected } from '../tokens/inspect.ts'
import { signedAudience } from '../tokens/mint.ts'
import { refusalReason } from '../tokens/records.ts'
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
  config: AudienceConfig & Pick<Config, 'tokenPrefix'>
}

const INACTIVE: Introspection = Object.freeze({ active: false })

export function createIntrospect({ db, inspect, usage, config }: IntrospectOptions): Introspect {
  const { issuer: iss } = config

  function introspectAccessToken(client: Client, { record, audience }: Inspected): Introspection {
    const isMeantForClient = isMeantForResourceServer(audience, client.audience, config)
    if (refusalReason(record) || !(isMeantForClient || record.token.clientId === client.id)) return INACTIVE
    const { token, user, issuedAt, expiresAt } = record
    // A resource server introspects a token when it is used there. A client that introspects its own token does not use it.
    if (isMeantForClient) usage.touch(token.id)
    return {
      active: true,
      scope: token.scopes.join(' '),
      client_id: token.clientId,
      ...(isMeantForClient && user && token.can(USER_READ) && { username: user.email }),
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
    if (!isRefreshText(config.tokenPrefix, text)) return INACTIVE
    const [row] = await db.query<RefreshRow>(LIVE_REFRESH, [hashSecret(text), client.id])
    if (!row) return INACTIVE
    return {
      active: true,
      scope: row.scopes.join(' '),
      client_id: client.id,
      exp: wholeSecond(new Date(row.expires_at).getTime()),
      iat: wholeSecond(new Date(row.created_at).getTime()),
      sub: row.user_id,
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
  scopes: string[]
  created_at: Date | string
  expires_at: Date | string
}

const LIVE_REFRESH = `
  select r.user_id, r.scopes, r.created_at, r.expires_at
  from oauth_refresh_tokens r join users u on u.id = r.user_id
  where r.hash = ? and r.client_id = ? and not r.revoked and r.used_at is null and r.expires_at > now()
    and u.disabled_at is null`

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

/** RFC 7662 §2.2. Of an inactive token nothing else is said. Times are in seconds since the epoch. */
export interface Introspection {
  active: boolean
  scope?: string
  client_id?: string
  /** The e-mail address; only to the resource server that the token is meant for, and only with `user:read`. */
  username?: string
  /** Not said of a refresh token: it is nothing to be let in with. */
  token_type?: 'Bearer'
  exp?: number
  iat?: number
  sub?: string
  aud?: Audience
  iss?: string
  jti?: string
  /** Where the status stands, so that the answer can be kept until that changes (draft-ietf-oauth-status-list §6). */
  status?: { status_list: { idx: number; uri: string } }
}

/**
 * What a client may know of a token: a resource server of those for its audience or the whole deployment, and everyone
 * of their own. Another's is to it as one that does not exist.
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
    // A resource server asks because the token was used there; a client that looks at its own has not used it.
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

  /** Only to the client it was given to: a resource server that took one for an access token would let it in. */
  async function introspectRefreshToken(client: Client, text: string): Promise<Introspection> {
    if (!isRefreshText(config.tokenPrefix, text)) return INACTIVE
    const [link] = await db.query<RefreshRow>(LIVE_REFRESH, [hashSecret(text), client.id])
    if (!link) return INACTIVE
    return {
      active: true,
      scope: link.scopes.join(' '),
      client_id: client.id,
      exp: wholeSecond(new Date(link.expires_at).getTime()),
      iat: wholeSecond(new Date(link.created_at).getTime()),
      sub: link.user_id,
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

import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { hashSecret } from '../security/secrets.ts'
import { RefreshToken } from './refresh.entity.ts'
import { newRefreshText } from './refresh-text.ts'
import { revokeGrant } from './revoke-grants.ts'

/** The authorization that a refresh token represents. */
export interface Family {
  /** Id of the grant: the authorization code or device code. */
  grant: string
  /** Id of the access token that is issued with it. */
  accessToken: string
  /** Id of the user. */
  user: string
  client: Pick<Client, 'id' | 'refreshTokenLifetime'>
  scopes: string[]
  audience: string | null
}

/** Stores a refresh token in the transaction of `em`. */
export async function storeRefreshToken(em: Em, family: Family, text: string, expiresAt: Date): Promise<void> {
  await em.insert(RefreshToken, {
    ...family,
    id: newId(),
    client: family.client.id,
    hash: hashSecret(text),
    revoked: false,
    usedAt: null,
    replay: null,
    createdAt: new Date(),
    expiresAt,
  })
}

/**
 * Stores the successor of a refresh token, which expires with its family, in the transaction of `em`.
 * @param accessToken id of the access token that is issued with it
 * @returns its plain text
 */
export async function storeSuccessor(
  em: Em,
  { grant, user, scopes, audience, expiresAt }: RefreshToken,
  client: Client,
  accessToken: string,
  tokenPrefix: string,
): Promise<string> {
  const text = newRefreshText(tokenPrefix)
  await storeRefreshToken(em, { grant, accessToken, user, client, scopes, audience }, text, expiresAt)
  return text
}

/**
 * Revokes the family of a refresh token that was used twice (RFC 9700 §4.14.2). It runs in a separate transaction: it locks
 * the user's row exclusively, and is committed although the request fails.
 */
export async function revokeReusedFamily(bus: InvalidationBus, refreshToken: RefreshToken): Promise<void> {
  await bus.transaction(async (em, publish) => {
    await revokeGrant(em, publish, refreshToken.grant)
    writeAudit(em, {
      kind: 'token.reused',
      tokenId: refreshToken.accessToken,
      userId: refreshToken.user,
      clientId: refreshToken.client,
    })
  })
}

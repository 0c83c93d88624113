import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { RefreshToken } from '../grants/refresh.entity.ts'
import type { Refresh } from '../grants/refresh.ts'
import type { FindRefreshHash } from '../grants/refresh-texts.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'
import type { Inspect } from '../tokens/inspect.ts'
import { clientRowOf } from '../tokens/records.ts'

/**
 * Revokes one of the client's own tokens and the tokens of the same grant (RFC 7009 §2.1). Resolves when it is committed.
 * Does nothing for a text that names no token.
 * @throws 400 `invalid_grant` for another client's token, which stays valid: RFC 6749 §5.2 defines that code for a token
 *   that "was issued to another client"
 */
export type Revoke = (client: Client, text: string) => Promise<void>

export interface RevokeOptions {
  bus: InvalidationBus
  inspectUnconfirmed: Inspect
  refresh: Pick<Refresh, 'revokeGrant'>
  tokenAdmin: Pick<TokenAdmin, 'revokeOne'>
  findRefreshHash: FindRefreshHash
}

const OTHER_CLIENT =
  'The token was issued to another client. Use DELETE /api/tokens/current to revoke a personal access token.'

export function createRevoke(options: RevokeOptions): Revoke {
  const { bus, inspectUnconfirmed, refresh, tokenAdmin, findRefreshHash } = options

  async function revokeRefreshToken(em: Em, publish: Publish, client: Client, hash: Buffer): Promise<void> {
    const link = await em.findOne(RefreshToken, { hash })
    if (!link) return
    if (link.client !== client.id) throw invalidGrant(OTHER_CLIENT)
    const revoked = await refresh.revokeGrant(em, publish, link.grant)
    // Each revoked access token has an audit entry of its own. This one is for a grant without access tokens.
    if (revoked > 0 || link.revoked) return
    writeAudit(em, { kind: 'token.revoked', userId: link.user, clientId: link.client, details: { grant: link.grant } })
  }

  return async (client, text) => {
    const access = await inspectUnconfirmed(text)
    if (access && clientRowOf(access.record.token) !== client.id) throw invalidGrant(OTHER_CLIENT)
    if (access) {
      await tokenAdmin.revokeOne(access.record.token.id)
      return
    }
    const hash = await findRefreshHash(text)
    if (hash) await bus.transaction((em, publish) => revokeRefreshToken(em, publish, client, hash))
  }
}

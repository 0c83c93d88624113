import { record } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Announce, Changes } from '../cluster/changes.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { RefreshToken } from '../grants/refresh.entity.ts'
import type { Refresh } from '../grants/refresh.ts'
import { isRefreshText } from '../grants/refresh-family.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Inspect } from '../tokens/inspect.ts'
import type { RevokeOne } from '../tokens/revoker.ts'
import { AccessToken } from '../tokens/token.entity.ts'

/**
 * Revokes one of the client's own tokens, and what came from the same grant (RFC 7009 §2.1); settles when it is
 * committed. A text that names no token is as good as revoked.
 * @throws 400 `invalid_grant` for another client's token, which lives on: RFC 6749 §5.2 has that code for a token that
 *   "was issued to another client"
 */
export type Revoke = (client: Client, text: string) => Promise<void>

export interface RevokeOptions {
  db: Database
  changes: Changes
  inspect: Inspect
  refresh: Pick<Refresh, 'revokeGrant'>
  revokeOne: RevokeOne
  config: Pick<Config, 'tokenPrefix'>
}

const OTHERS =
  'The token was issued to another client. A personal access token is revoked with DELETE /api/tokens/current.'

export function createRevoke({ db, changes, inspect, refresh, revokeOne, config }: RevokeOptions): Revoke {
  async function ofAccess(id: string): Promise<void> {
    const token = await db.run(em => em.findOne(AccessToken, { id }, { fields: ['grant'] }))
    const grant = token?.grant
    // People who revoke what an app has do not expect the app to go and get another.
    if (grant) await changes.transaction((em, announce) => refresh.revokeGrant(em, announce, grant))
    else await revokeOne(id)
  }

  async function ofRefresh(em: Em, announce: Announce, client: Client, text: string): Promise<void> {
    const link = await em.findOne(RefreshToken, { hash: hashSecret(text) })
    if (!link) return
    if (link.client !== client.id) throw invalidGrant(OTHERS)
    const died = await refresh.revokeGrant(em, announce, link.grant)
    // Each access token's end is written down by itself; that of a grant without any is written here.
    if (died > 0 || link.revoked) return
    record(em, { kind: 'token.revoked', userId: link.user, clientId: link.client, details: { grant: link.grant } })
  }

  return async (client, text) => {
    const access = await inspect(text)
    if (access && access.record.token.clientId !== client.id) throw invalidGrant(OTHERS)
    if (access) await ofAccess(access.record.token.id)
    else if (isRefreshText(config.tokenPrefix, text))
      await changes.transaction((em, announce) => ofRefresh(em, announce, client, text))
  }
}

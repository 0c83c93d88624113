import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { revokeTokens } from './revoke.ts'

/** Personal tokens that tokens of a client issued, and those that were issued by what was exchanged for one of them. */
const ISSUED_BY_CLIENT = `
  select m.id from oauth_access_tokens m where not m.revoked and m.issued_by_id in (
    select id from oauth_access_tokens where client_id = ? and not revoked
    union all
    select e.id from oauth_access_tokens p join oauth_access_tokens e on e.parent_id = p.id
    where p.client_id = ? and not p.revoked and not e.revoked
  )`

/**
 * Revokes what the tokens of a client issued, in the transaction of `em` that revokes the client and locks its row. The
 * client's own tokens are refused by the state of the client, but those that they issued belong to the personal access client.
 */
export async function revokeIssuedByClient(em: Em, publish: Publish, clientId: string): Promise<void> {
  const issued = (await em.execute(ISSUED_BY_CLIENT, [clientId, clientId])) as { id: string }[]
  if (issued.length > 0) await revokeTokens(em, publish, { id: { $in: issued.map(({ id }) => id) } })
}

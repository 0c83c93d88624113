import { eventColumns } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'

/** Personal tokens that tokens of a client issued, and that those did which were exchanged for one of them. */
const ISSUED = `
  select m.id from oauth_access_tokens m where not m.revoked and m.issued_by_id in (
    select id from oauth_access_tokens where client_id = ? and not revoked
    union all
    select e.id from oauth_access_tokens p join oauth_access_tokens e on e.parent_id = p.id
    where p.client_id = ? and not p.revoked and not e.revoked
  )`

/**
 * Revokes what the tokens of a client issued, in the transaction of `em` that revokes the client and holds its row. Its
 * own tokens end with it as they are, but those are personal ones.
 * @returns the ids of those that died
 */
export async function retireIssued(em: Em, client: string): Promise<string[]> {
  const issued = (await em.execute(ISSUED, [client, client])) as { id: string }[]
  if (issued.length === 0) return []
  // By functions and tables: tokens are built on clients, and not the other way round.
  const asked = JSON.stringify(issued.map(({ id }) => ({ ...eventColumns(), id })))
  const dead = await em.execute('select id from retire_tokens(?, ?)', [asked, new Date().toISOString()])
  return (dead as { id: string }[]).map(({ id }) => id)
}

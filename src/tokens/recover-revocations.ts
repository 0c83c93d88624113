import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { countRecovered, type Restoration, readRestoration } from '../deployment/restoration.ts'
import { PosternError } from '../errors/errors.ts'
import { revokeTokenIds } from './revoke.ts'

/** What a resource server knows as revoked in a status list. */
export interface KnownRevocations {
  list: number
  /** Indices. */
  revoked: readonly number[]
}

/**
 * Revokes live tokens that a resource server knows as revoked, since a restored backup lacks their revocations. Others are
 * ignored: tokens that were issued after the restore was declared, that expired or that this database does not know.
 * @returns how many of them were revoked; what they had issued is revoked too
 * @throws 403 `collection_closed` or `not_collected_from`, with what an operator can do
 */
export type RecoverRevocations = (clientId: string, known: readonly KnownRevocations[]) => Promise<number>

export function createRecoverRevocations(db: Database, bus: InvalidationBus): RecoverRevocations {
  return async (clientId, known) => {
    // Without a lock, so that what is refused costs one short query.
    requireOpen(await readRestoration(db), clientId)
    const references = known.flatMap(({ list, revoked }) => revoked.map(index => ({ list, index })))
    if (references.length === 0) return 0
    return bus.transaction(async (em, publish) => {
      // The lock puts reports in a row: all guards send the same ones at the same time.
      const { lastList } = requireOpen(await readRestoration(db, em), clientId)
      const ids = await selectLost(em, references, lastList)
      if (ids.length === 0) return 0
      const revoked = new Set(await revokeTokenIds(em, publish, ids))
      // Others may have revoked some of them meanwhile.
      const recovered = ids.filter(id => revoked.has(id)).length
      await countRecovered(em, clientId, recovered)
      const counts = { reported: references.length, recovered, along: revoked.size - recovered }
      writeAudit(em, { kind: 'revocations.recovered', clientId, details: counts })
      return recovered
    })
  }
}

/** The number of the last list is part of the statement, so that the index of `openCollection` applies. */
const SELECT_LOST = `
  select t.id from jsonb_to_recordset(?::jsonb) as lost (list int, index int)
  join oauth_access_tokens t on t.status_list = lost.list and t.status_index = lost.index
  where t.status_list <= ? and not t.revoked and t.expires_at > now()`

async function selectLost(em: Em, references: readonly object[], lastList: number): Promise<string[]> {
  const rows = (await em.execute(SELECT_LOST, [JSON.stringify(references), lastList])) as { id: string }[]
  return [...new Set(rows.map(({ id }) => id))]
}

function requireOpen(restoration: Restoration | undefined, clientId: string): Restoration {
  if (!restoration?.isOpen) {
    throw new PosternError({ status: 403, code: 'collection_closed', detail: restoration ? CLOSED : NOT_DECLARED })
  }
  if (restoration.clients === null || restoration.clients.includes(clientId)) return restoration
  throw new PosternError({ status: 403, code: 'not_collected_from', detail: NOT_NAMED })
}

const NOT_DECLARED =
  'Revocations are collected after an operator declared that this database was restored: postern restored --collect, ' +
  'before the first server starts on it.'
const CLOSED =
  'Revocations are not collected now. If the database was restored, an operator can collect them again: ' +
  'postern restored --reopen --collect'
const NOT_NAMED =
  'Revocations are not collected from this client. An operator can name it: ' +
  'postern restored --reopen --collect --collect-from CLIENT_ID'

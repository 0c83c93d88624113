import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { type Batch, REQUEST_BUDGET_MS, runBatches } from '../database/run-batches.ts'
import { notFound } from '../errors/errors.ts'
import { isUuid } from '../text/uuid.ts'
import { Client } from './client.entity.ts'

/** What a revoked client takes along. Passed in, since tokens and grants import clients and not the other way round. */
export interface ClientRevocation {
  /** Revokes what its tokens issued, in the transaction that revokes the client. */
  revokeIssued(em: Em, publish: Publish, clientId: string): Promise<void>
  /** Marks the next batch of its refresh tokens as revoked; they are refused before, by the state of the client. */
  revokeRefreshTokens(em: Em, of: { client: string }): Promise<Batch>
  /** Revokes the next batch of its access tokens one by one, so that they stay revoked whatever becomes of the client. */
  revokeTokens(em: Em, publish: Publish, of: { client: string }): Promise<Batch>
}

interface RevokingTransaction {
  em: Em
  publish: Publish
  revocation: Pick<ClientRevocation, 'revokeIssued'>
}

/**
 * Revokes a client and what its tokens issued, in the transaction of `em`.
 * @returns undefined if it was revoked before
 * @throws 404
 */
export async function revokeInTransaction(
  { em, publish, revocation }: RevokingTransaction,
  id: string,
): Promise<Client | undefined> {
  const where = { id, personalAccess: false }
  const client = isUuid(id) && (await em.findOne(Client, where, { lockMode: LockMode.PESSIMISTIC_WRITE }))
  if (!client) throw notFound('client')
  if (client.revoked) return undefined
  writeAudit(em, { kind: 'client.revoked', clientId: id, userId: client.user, details: { name: client.name } })
  // Its tokens are not updated: checks read the client's state. Its audience becomes available to other clients.
  em.assign(client, { revoked: true, audience: null, updatedAt: new Date() })
  publish({ kind: 'client', id })
  await revocation.revokeIssued(em, publish, id)
  return client
}

/** Revokes the clients of a user who is another person now, in the transaction of `em`. They belong to nobody afterwards. */
export async function revokeClientsOf(transaction: RevokingTransaction, user: string): Promise<void> {
  const { em } = transaction
  for (const client of await em.find(Client, { user }, { orderBy: { id: 'asc' } })) {
    await revokeInTransaction(transaction, client.id)
    em.assign(client, { user: null })
  }
  await em.flush()
}

export interface RevokeClientOptions {
  db: Database
  bus: InvalidationBus
  revocation: ClientRevocation
}

/** Revokes a client and what its tokens issued. Revoking twice is harmless. @throws 404 */
export function createRevokeClient({ db, bus, revocation }: RevokeClientOptions): (id: string) => Promise<void> {
  return async id => {
    await bus.transaction(async (em, publish) => {
      const client = await revokeInTransaction({ em, publish, revocation }, id)
      // One that was revoked along with its host would come back with it.
      if (!client) await em.nativeUpdate(Client, { id, hostBlocked: true }, { hostBlocked: false })
    })
    await runBatches(() => db.transaction(em => revocation.revokeRefreshTokens(em, { client: id })), REQUEST_BUDGET_MS)
  }
}

import { writeAudit } from '../audit/audit.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { assertAudienceFree } from './audiences.ts'
import { Client } from './client.entity.ts'
import type { clientDefaults } from './defaults.ts'
import { assertClientQuota, assertRegistrationQuota } from './quota.ts'

/**
 * Stores a new client with its audit entry.
 * @throws 403 beyond a quota, 429 if too many clients have registered themselves within an hour, 422 if its audience is taken
 */
export type InsertClient = (row: ReturnType<typeof clientDefaults>, withinQuota?: boolean) => Promise<Client>

export function createInsertClient(
  db: Database,
  config: Pick<Config, 'clientsPerUser' | 'registeredClients' | 'registrationsPerHour'>,
): InsertClient {
  return (row, withinQuota = false) =>
    db.transaction(async em => {
      if (withinQuota && row.user) await assertClientQuota(em, row.user, config.clientsPerUser)
      if (row.registrationHash) await assertRegistrationQuota(em, config)
      if (row.audience) await assertAudienceFree(em, row.audience)
      const now = new Date()
      const client = em.create(Client, { ...row, id: newId(), createdAt: now, updatedAt: now })
      const { name, grantTypes, scopes, audience, exchangeAudiences, resources, issuesPersonalTokens, user } = row
      const details = {
        name,
        grant_types: grantTypes,
        scopes,
        audience,
        ...(exchangeAudiences && { exchange_audiences: exchangeAudiences }),
        ...(resources && { resources }),
        ...(issuesPersonalTokens && { issues_personal_tokens: true }),
      }
      writeAudit(em, { kind: 'client.created', clientId: client.id, userId: user, details })
      return client
    })
}

import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'

/** The same in every deployment, so that there is one however many nodes start at once. */
export const EXPLORER_ID = '019aa8e2-4c00-7000-8000-6578706c6f72'

/**
 * Makes the public client by which people try the routes out in the API explorer, or brings it up to date; one that an
 * operator revoked stays so.
 * @param redirectUri where the explorer of this deployment takes the answer
 */
export type EnsureExplorer = (redirectUri: string) => Promise<void>

export interface ExplorerOptions {
  bus: InvalidationBus
  catalogue: Catalogue
}

export function createExplorer({ bus, catalogue }: ExplorerOptions): EnsureExplorer {
  // By name: that is how a client is allowed the scopes of the administration, which still only administrators can give.
  const scopes = catalogue.scopes.map(({ id }) => id)

  return redirectUri =>
    bus
      .transaction(async (em, publish) => {
        const client = await em.findOne(Client, { id: EXPLORER_ID }, { lockMode: LockMode.PESSIMISTIC_WRITE })
        const desired = { redirectUris: [redirectUri], scopes }
        if (!client) return createExplorerClient(em, desired)
        if (client.revoked || (isSame(client.redirectUris, desired.redirectUris) && isSame(client.scopes, scopes)))
          return
        em.assign(client, { ...desired, updatedAt: new Date() })
        publish({ kind: 'client', id: EXPLORER_ID }, 'nothing')
        writeAudit(em, { kind: 'client.changed', clientId: EXPLORER_ID, details: desired })
      })
      .catch(error => {
        // Another node made it in the same moment.
        if (error.code !== '23505') throw error
      })
}

const isSame = (a: readonly string[] | null, b: readonly string[]) => a?.join(' ') === b.join(' ')

function createExplorerClient(em: Em, desired: Pick<Client, 'redirectUris' | 'scopes'>): void {
  const now = new Date()
  const fixed = { id: EXPLORER_ID, name: 'API explorer', authMethod: 'none', createdAt: now, updatedAt: now } as const
  const client = em.create(Client, { ...clientDefaults(), ...fixed, ...desired, grantTypes: ['authorization_code'] })
  const { name, grantTypes: grant_types, scopes } = client
  writeAudit(em, { kind: 'client.created', clientId: EXPLORER_ID, details: { name, grant_types, scopes } })
}

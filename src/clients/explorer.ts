import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'

/** A fixed id, so that only one exists even if several nodes start at once. */
export const EXPLORER_ID = '019aa8e2-4c00-7000-8000-6578706c6f72'

/**
 * Creates or updates the public client of the API explorer. If an operator has revoked it, it stays revoked.
 * @param redirectUri redirect URI of this deployment's explorer
 */
export type EnsureExplorer = (redirectUri: string) => Promise<void>

export interface ExplorerOptions {
  bus: InvalidationBus
  catalogue: Catalogue
}

export function createExplorer({ bus, catalogue }: ExplorerOptions): EnsureExplorer {
  // Lists every scope by name, since null excludes administrative scopes. Still only administrators can grant those.
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
        // Another node created it concurrently.
        if (error.code !== '23505') throw error
      })
}

const isSame = (a: readonly string[] | null, b: readonly string[]) => a?.join(' ') === b.join(' ')

function createExplorerClient(em: Em, desired: Pick<Client, 'redirectUris' | 'scopes'>): void {
  const now = new Date()
  // It is this server's own page: what a person authorizes it to do includes creating personal tokens, which end with its token.
  const own = { name: 'API explorer', authMethod: 'none', issuesPersonalTokens: true } as const
  const fixed = { id: EXPLORER_ID, ...own, createdAt: now, updatedAt: now }
  const client = em.create(Client, { ...clientDefaults(), ...fixed, ...desired, grantTypes: ['authorization_code'] })
  const { name, grantTypes: grant_types, scopes } = client
  writeAudit(em, { kind: 'client.created', clientId: EXPLORER_ID, details: { name, grant_types, scopes } })
}

import { LockMode } from '@mikro-orm/postgresql'
import { record } from '../audit/audit.ts'
import type { Changes } from '../cluster/changes.ts'
import type { Em } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { blank } from './blank.ts'
import { Client } from './client.entity.ts'

/** The same in every deployment, so that there is one however many nodes start at once. */
export const EXPLORER_ID = '019aa8e2-4c00-7000-8000-6578706c6f72'

/**
 * Makes the public client by which people try the routes out in the API explorer, or brings it up to date; one that an
 * operator revoked stays so.
 * @param redirectUri where the explorer of this deployment takes the answer
 */
export type EnsureExplorer = (redirectUri: string) => Promise<void>

export interface ExplorerOptions {
  changes: Changes
  catalogue: Catalogue
}

export function createExplorer({ changes, catalogue }: ExplorerOptions): EnsureExplorer {
  // By name: that is how a client is allowed the scopes of the administration, which still only administrators can give.
  const scopes = catalogue.scopes.map(({ id }) => id)

  return redirectUri =>
    changes
      .transaction(async (em, announce) => {
        const client = await em.findOne(Client, { id: EXPLORER_ID }, { lockMode: LockMode.PESSIMISTIC_WRITE })
        const wanted = { redirectUris: [redirectUri], scopes }
        if (!client) return make(em, wanted)
        if (client.revoked || (same(client.redirectUris, wanted.redirectUris) && same(client.scopes, scopes))) return
        em.assign(client, { ...wanted, updatedAt: new Date() })
        announce({ kind: 'client', id: EXPLORER_ID }, 'nothing')
        record(em, { kind: 'client.changed', clientId: EXPLORER_ID, details: wanted })
      })
      .catch(error => {
        // Another node made it in the same moment.
        if (error.code !== '23505') throw error
      })
}

const same = (a: readonly string[] | null, b: readonly string[]) => a?.join(' ') === b.join(' ')

function make(em: Em, wanted: Pick<Client, 'redirectUris' | 'scopes'>): void {
  const now = new Date()
  const fixed = { id: EXPLORER_ID, name: 'API explorer', authMethod: 'none', createdAt: now, updatedAt: now } as const
  const client = em.create(Client, { ...blank(), ...fixed, ...wanted, grantTypes: ['authorization_code'] })
  const { name, grantTypes: grant_types, scopes } = client
  record(em, { kind: 'client.created', clientId: EXPLORER_ID, details: { name, grant_types, scopes } })
}

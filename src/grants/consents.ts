import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { Consent } from './consent.entity.ts'
import { remember } from './remembered.ts'

/** What a user lets a client have. */
export interface ConsentGrant {
  /** Id of the user. */
  user: string
  client: Client
  /** As in the row of a token; null: no resource was named. */
  audience: string | null
  scopes: readonly string[]
}

/**
 * Records what a user let a client have, added to all that went before, and writes it down, in the transaction of
 * `em`. Two at once add up: it is one statement.
 * @param lifetime seconds for which the client need not ask again; 0: it always asks
 */
export async function grantConsent(em: Em, consenting: ConsentGrant, lifetime: number): Promise<void> {
  const { user, client, scopes } = consenting
  const now = new Date()
  const [{ id }] = (await em.execute(
    `insert into oauth_consents as known (id, user_id, client_id, scopes, created_at, updated_at)
     values (?, ?, ?, ?::jsonb, ?, ?)
     on conflict (user_id, client_id) do update set
       scopes = (select coalesce(jsonb_agg(distinct scope), '[]') from jsonb_array_elements(known.scopes || excluded.scopes) scope),
       updated_at = excluded.updated_at
     returning id`,
    [newId(), user, client.id, JSON.stringify(scopes), now, now],
  )) as [{ id: string }]
  await remember(em, id, consenting, lifetime)
  writeAudit(em, { kind: 'consent.granted', userId: user, clientId: client.id, details: { scopes } })
}

/** Every scope the user let the client have so far; undefined when the user never let it in. */
export async function consentedScopes(em: Em, user: string, client: string): Promise<ReadonlySet<string> | undefined> {
  const consent = await em.findOne(Consent, { user, client })
  return consent ? new Set(consent.scopes) : undefined
}

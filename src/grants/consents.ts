import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import { storeConsented } from '../clients/consented.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { Consent } from './consent.entity.ts'
import { remember } from './remembered.ts'

/** The scopes that a user grants to a client. */
export interface ConsentGrant {
  /** Id of the user. */
  user: string
  client: Client
  /** As in the row of a token; null: the request named no resource. */
  audience: string | null
  scopes: readonly string[]
  /** For how long the user allows access, in seconds; undefined: as long as the client's tokens last. */
  accessSeconds?: number | undefined
}

/**
 * Adds the granted scopes to the consent of the user and writes the audit entry, in the transaction of `em`. A single
 * statement, so that concurrent consents are merged. A client that has no row yet gets one.
 * @param lifetime seconds for which the client needs no new consent; 0: it always does
 */
export async function grantConsent(em: Em, publish: Publish, consent: ConsentGrant, lifetime: number): Promise<void> {
  const { user, client, scopes } = consent
  await storeConsented(em, publish, client)
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
  await remember(em, id, consent, Math.min(lifetime, consent.accessSeconds ?? lifetime))
  writeAudit(em, { kind: 'consent.granted', userId: user, clientId: client.id, details: { scopes } })
}

/** Every scope that the user has granted to the client so far; undefined if there is no consent. */
export async function consentedScopes(em: Em, user: string, client: string): Promise<ReadonlySet<string> | undefined> {
  const consent = await em.findOne(Consent, { user, client })
  return consent ? new Set(consent.scopes) : undefined
}

import { record } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { Consent } from './consent.entity.ts'

/** What a user lets a client have. */
export interface Consenting {
  /** Id of the user. */
  user: string
  /** Id of the client. */
  client: string
  scopes: readonly string[]
}

/**
 * Remembers what a user let a client have, added to all that went before, and writes it down, in the transaction of
 * `em`. Two at once add up: it is one statement.
 */
export async function grantConsent(em: Em, { user, client, scopes }: Consenting): Promise<void> {
  const now = new Date()
  await em.execute(
    `insert into oauth_consents as known (id, user_id, client_id, scopes, created_at, updated_at)
     values (?, ?, ?, ?::jsonb, ?, ?)
     on conflict (user_id, client_id) do update set
       scopes = (select coalesce(jsonb_agg(distinct scope), '[]') from jsonb_array_elements(known.scopes || excluded.scopes) scope),
       updated_at = excluded.updated_at`,
    [newId(), user, client, JSON.stringify(scopes), now, now],
  )
  record(em, { kind: 'consent.granted', userId: user, clientId: client, details: { scopes } })
}

/** Every scope the user let the client have so far; undefined when the user never let it in. */
export async function consentedScopes(em: Em, user: string, client: string): Promise<ReadonlySet<string> | undefined> {
  const consent = await em.findOne(Consent, { user, client })
  return consent ? new Set(consent.scopes) : undefined
}

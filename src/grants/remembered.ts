import { hash } from 'node:crypto'
import type { Client } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'

/** What a consent is remembered by. */
export interface Remembering {
  /** Id of the user. */
  user: string
  client: Client
  /** As in the row of a token; null: no resource was named. */
  audience: string | null
}

/**
 * Whether an answer counts for the next request too. A public client cannot prove who it is, and of one that registered
 * itself nobody knows who made it (RFC 9700 §4.13, RFC 8252 §8.6).
 */
export const isRemembered = (client: Client, lifetime: number): boolean =>
  lifetime > 0 && client.isConfidential() && !client.registrationHash

/**
 * Remembers scopes that a user granted for an audience, in the transaction of `em`. Scopes remembered before stay until
 * their own end, unless the client has changed. Two at once add up: it is one statement.
 * @param consent id of the row of user and client
 * @param lifetime seconds
 */
export async function remember(
  em: Em,
  consent: string,
  { client, audience, scopes }: Omit<Remembering, 'user'> & { scopes: readonly string[] },
  lifetime: number,
): Promise<void> {
  if (!isRemembered(client, lifetime)) return
  const now = Date.now()
  const end = now + lifetime * 1000
  const until = Object.fromEntries(scopes.map(scope => [scope, Math.floor(end / 1000)]))
  await em.execute(
    `insert into oauth_remembered_consents as known (id, consent_id, audience, scopes, client_print, updated_at, expires_at)
     values (?, ?, ?, ?::jsonb, ?, ?, ?)
     on conflict (consent_id, audience) do update set
       scopes = case when known.client_print = excluded.client_print
         then known.scopes || excluded.scopes else excluded.scopes end,
       client_print = excluded.client_print, updated_at = excluded.updated_at, expires_at = excluded.expires_at`,
    [newId(), consent, audience ?? '', JSON.stringify(until), printOf(client), new Date(now), new Date(end)],
  )
}

/** The scopes that the client need not ask the user for again; undefined: it has to ask whatever it wants. */
export async function rememberedScopes(
  em: Em,
  { user, client, audience }: Remembering,
): Promise<Set<string> | undefined> {
  const [row] = (await em.execute(
    `select r.scopes from oauth_remembered_consents r join oauth_consents c on c.id = r.consent_id
     where c.user_id = ? and c.client_id = ? and r.audience = ? and r.client_print = ? and r.expires_at > ?`,
    [user, client.id, audience ?? '', printOf(client), new Date()],
  )) as { scopes: Record<string, number> }[]
  const now = Date.now() / 1000
  return row && new Set(Object.entries(row.scopes).flatMap(([scope, until]) => (until > now ? [scope] : [])))
}

/** Changes with whatever says who the client is: where answers go, its secrets and keys, its owner. */
function printOf({ redirectUris, secrets, jwks, user, authMethod }: Client): string {
  const identity = [redirectUris.toSorted(), secrets.map(secret => secret.hash).toSorted(), jwks, user, authMethod]
  return hash('sha256', JSON.stringify(identity))
}

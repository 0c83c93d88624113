import { hash } from 'node:crypto'
import type { Client } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'

/** What a remembered consent applies to. */
export interface Remembering {
  /** Id of the user. */
  user: string
  client: Client
  /** As in the row of a token; null: the request named no resource. */
  audience: string | null
}

/**
 * Whether a consent also applies to later requests. It does not for public clients, which cannot authenticate, and for
 * clients that say themselves who they are, whose origin is unknown (RFC 9700 §4.13, RFC 8252 §8.6). The user also chooses
 * each time for how long such a client gets access.
 */
export const isRemembered = (client: Client, lifetime: number): boolean =>
  lifetime > 0 && client.isConfidential() && !client.isSelfAsserted()

/**
 * Remembers scopes that a user granted for an audience, in the transaction of `em`. Scopes remembered earlier keep their own
 * expiry, unless the client has changed. A single statement, so that concurrent consents are merged.
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
  const expiresAt = now + lifetime * 1000
  const scopeExpiries = Object.fromEntries(scopes.map(scope => [scope, Math.floor(expiresAt / 1000)]))
  await em.execute(
    `insert into oauth_remembered_consents as known (id, consent_id, audience, scopes, client_print, updated_at, expires_at)
     values (?, ?, ?, ?::jsonb, ?, ?, ?)
     on conflict (consent_id, audience) do update set
       scopes = case when known.client_print = excluded.client_print
         then known.scopes || excluded.scopes else excluded.scopes end,
       client_print = excluded.client_print, updated_at = excluded.updated_at, expires_at = excluded.expires_at`,
    [
      newId(),
      consent,
      audience ?? '',
      JSON.stringify(scopeExpiries),
      fingerprint(client),
      new Date(now),
      new Date(expiresAt),
    ],
  )
}

/** The scopes for which the client needs no new consent; undefined: it needs consent for any scope. */
export async function rememberedScopes(
  em: Em,
  { user, client, audience }: Remembering,
): Promise<Set<string> | undefined> {
  const [row] = (await em.execute(
    `select r.scopes from oauth_remembered_consents r join oauth_consents c on c.id = r.consent_id
     where c.user_id = ? and c.client_id = ? and r.audience = ? and r.client_print = ? and r.expires_at > ?`,
    [user, client.id, audience ?? '', fingerprint(client), new Date()],
  )) as { scopes: Record<string, number> }[]
  const now = Date.now() / 1000
  return row && new Set(Object.entries(row.scopes).flatMap(([scope, until]) => (until > now ? [scope] : [])))
}

/** A hash of everything that identifies the client: redirect URIs, secrets, keys and owner; for a metadata document also the name. */
export function fingerprint({ redirectUris, secrets, jwks, user, authMethod, ...client }: Client): string {
  const identity: unknown[] = [
    redirectUris.toSorted(),
    secrets.map(secret => secret.hash).toSorted(),
    jwks,
    user,
    authMethod,
  ]
  // Whoever controls the document changes its name too.
  if (client.metadataUrl !== null) identity.push(client.name, client.jwksUri)
  return hash('sha256', JSON.stringify(identity))
}

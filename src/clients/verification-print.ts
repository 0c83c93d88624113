import { hash } from 'node:crypto'
import type { Em } from '../database/database.ts'
import type { Client } from './client.entity.ts'

/** A hash of what people know a client by, of where its answers go, and of who else can use its id. */
export function printOf(client: Client): string {
  const { name, user, metadataUrl, metadata, redirectUris, authMethod, grantTypes, jwks, jwksUri } = client
  const known = [name, user, metadataUrl, metadata?.logo_uri ?? null, redirectUris.toSorted()]
  const credentials = [authMethod, grantTypes.toSorted(), jwks, jwksUri]
  return hash('sha256', JSON.stringify([known, credentials], withSortedKeys))
}

/**
 * Deletes the verification of a client that is no longer what was verified, in the transaction that changes it: changing it
 * back does not restore the verification.
 */
export async function endOutdatedVerification(em: Em, client: Client): Promise<void> {
  await em.execute('delete from oauth_client_verifications where client_id = ? and print <> ?', [
    client.id,
    printOf(client),
  ])
}

/** The database keeps JSON with its keys in an order of its own. */
const withSortedKeys = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { takeSharedLock } from '../database/locks.ts'
import { invalidRequest } from '../errors/protocol.ts'
import { BlockedHost } from './blocked-host.entity.ts'
import { Client } from './client.entity.ts'

/**
 * Stores a client that a user consents to, in the transaction of `em`: one with a metadata document gets its row, or its row gets
 * what the document says now; one that registered itself without a token no longer ends.
 * @throws 400 if its host was blocked meanwhile, maybe at another node
 */
export async function storeConsented(em: Em, publish: Publish, client: Client): Promise<void> {
  const { id } = client
  if (client.metadataUrl !== null) {
    await assertNotBlocked(em, client.metadataUrl)
    await storeDescribed(em, publish, client)
  } else if (client.expiresAt !== null) {
    await em.nativeUpdate(Client, { id }, { expiresAt: null })
    publish({ kind: 'client', id }, 'nothing')
  }
}

async function assertNotBlocked(em: Em, url: string): Promise<void> {
  await takeSharedLock(em, 'blockedHosts')
  if ((await em.count(BlockedHost, { host: new URL(url).hostname })) > 0)
    throw invalidRequest('No app is registered under this client_id.')
}

/** A row that says the same already is not written, so that a consent invalidates nothing. */
async function storeDescribed(em: Em, publish: Publish, client: Client): Promise<void> {
  const described = [client.name, client.authMethod, json(client.jwks), client.jwksUri, json(client.metadata)]
  const more = [json(client.redirectUris), json(client.grantTypes), client.requirePushedRequests]
  const now = new Date()
  const [row] = (await em.execute(UPSERT, [client.id, client.metadataUrl, ...described, ...more, now, now])) as {
    created: boolean
  }[]
  if (!row) return
  publish({ kind: 'client', id: client.id }, 'nothing')
  const details = { name: client.name, metadata_url: client.metadataUrl, redirect_uris: client.redirectUris }
  writeAudit(em, { kind: row.created ? 'client.created' : 'client.changed', clientId: client.id, details })
}

const json = (value: unknown) => (value === null ? null : JSON.stringify(value))

const COLUMNS = [
  'name',
  'auth_method',
  'jwks',
  'jwks_uri',
  'metadata',
  'redirect_uris',
  'grant_types',
  'require_pushed_requests',
]
const of = (row: string) => COLUMNS.map(column => `${row}.${column}`).join(', ')

/** `xmax` is zero in a row that this statement inserted. */
const UPSERT = `
  insert into oauth_clients as known (id, metadata_url, ${COLUMNS.join(', ')}, secrets, token_format, created_at, updated_at)
  values (?, ?, ?, ?, ?::jsonb, ?, ?::jsonb, ?::jsonb, ?::jsonb, ?, '[]', 'jwt', ?, ?)
  on conflict (id) do update set
    ${COLUMNS.map(column => `${column} = excluded.${column}`).join(', ')}, updated_at = excluded.updated_at
    where (${of('known')}) is distinct from (${of('excluded')})
  returning xmax = 0 as created`

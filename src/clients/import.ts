import { writeAudit } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { hashSecret } from '../security/secrets.ts'
import { Client, type ClientSecret, type GrantType } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'
import { validateRedirectUri } from './uris.ts'

/** A secret of another system: its text, or a hash of it. */
export type ImportedSecret = { plain: string } | { sha256: string } | { bcrypt: string }

/** A client of another system. Its grant types and redirect URIs have to be valid here, and for the app of a user. */
export interface ImportedClient {
  /** Its id in the other system, if that is a UUID which no client here has. */
  id?: string | undefined

  name: string
  /** null: a public client. */
  secret: ImportedSecret | null
  redirectUris: readonly string[]
  grantTypes: readonly GrantType[]
  /** The user whose app it is; null: it is the operator's. */
  user: string | null
  /** null: every scope of the catalogue but `admin:*`. */
  scopes: string[] | null
  revoked: boolean
  createdAt: Date
}

/** Of a secret that is stored by bcrypt until it is first used. No text has this SHA-256. */
const NO_HASH = '0'.repeat(64)

/** Whether the redirect URI can be registered here. */
export function isRedirectUri(uri: string): boolean {
  try {
    validateRedirectUri(uri, 0)
    return true
  } catch {
    return false
  }
}

/**
 * Creates a client in the transaction of `em`.
 * @param source named in the audit entry
 */
export async function createImportedClient(em: Em, input: ImportedClient, source: string): Promise<Client> {
  const { id = newId(), name, secret, redirectUris, grantTypes, user, scopes, revoked, createdAt } = input
  const row = {
    ...clientDefaults(),
    user,
    name,
    authMethod: secret ? ('client_secret_basic' as const) : ('none' as const),
    secrets: secret ? [toStored(secret, createdAt)] : [],
    redirectUris: redirectUris.map(validateRedirectUri),
    grantTypes: [...grantTypes],
    scopes,
    revoked,
  }
  const client = em.create(Client, { ...row, id, createdAt, updatedAt: new Date() })
  await em.flush()
  const details = { name, grant_types: grantTypes, scopes, audience: null, source }
  writeAudit(em, { kind: 'client.created', clientId: client.id, userId: user, details })
  return client
}

function toStored(secret: ImportedSecret, createdAt: Date): ClientSecret {
  const dates = { created_at: createdAt.toISOString(), expires_at: null }
  if ('bcrypt' in secret) return { ...dates, hash: NO_HASH, bcrypt: secret.bcrypt }
  return { ...dates, hash: 'sha256' in secret ? secret.sha256 : hashSecret(secret.plain).toString('hex') }
}

import { Client, type GrantType } from '../clients/client.entity.ts'
import { createImportedClient, type ImportedSecret, isRedirectUri } from '../clients/import.ts'
import { isDerivedId } from '../clients/metadata-id.ts'
import type { Em } from '../database/database.ts'
import type { MapScopes } from '../imported/scopes.ts'
import { isUuid } from '../text/uuid.ts'
import { isKnownHash } from '../users/password-hashes.ts'
import { User } from '../users/user.entity.ts'
import type { ImportContext } from './context.ts'
import { findImported, type Ids, noteImported } from './lookup.ts'
import { importedName } from './names.ts'
import { findImportedUsers } from './owners.ts'
import { REJECTED, writeAccepted } from './rejected.ts'

/** A client of the source. */
export interface ClientDraft {
  sourceId: string
  /** Its `client_id` on the wire. */
  identifier: string
  name: string
  /** null: a public client. */
  secret: ImportedSecret | null
  redirectUris: readonly string[]
  grantTypes: readonly GrantType[]
  /** As in the source; null: every scope. */
  scopes: readonly string[] | null
  revoked: boolean
  createdAt: Date | null
  /** Of a resource server. An operator registers it here. */
  audience?: string | null
  /** Table and id of the user whose app it is, such as `users/1`; null: it is the operator's. */
  owner: string | null
}

const ALIAS = `select 1 from oauth_imported_rows where kind = 'alias' and source_id = ?`

/** Whether a client can have the id that it has in the source. That of a user would make them one subject of tokens. */
async function isFreeId(em: Em, id: string): Promise<boolean> {
  if (!isUuid(id) || id !== id.toLowerCase() || isDerivedId(id)) return false
  return (await em.count(Client, { id })) === 0 && (await em.count(User, { id })) === 0
}

/** Whether requests with this `client_id` already name a client. */
async function hasClient(em: Em, id: string): Promise<boolean> {
  if (isUuid(id)) return (await em.count(Client, { id: id.toLowerCase() })) > 0
  return ((await em.execute(ALIAS, [id])) as unknown[]).length > 0
}

/** Imports a batch of clients. */
export type ImportClients = (drafts: readonly ClientDraft[]) => Promise<void>

const BAD_URI = 'a redirect URI is not allowed here, so it was left out'
const BAD_SECRET = 'its secret is hashed in a way that is not known: it needs a new one'
const TAKEN = 'another client has its client_id, so it got a new one'
const RESERVED = 'its client_id cannot be used here, so it got a new one'
/** As an app of the operator it would get what nobody but an operator can allow. */
const NO_OWNER = 'it is the app of a user who was not imported'
const NOT_MACHINES = 'it is the app of a user, so it cannot use client_credentials'
const RESOURCE_SERVER = 'it is a resource server: create it here with its audience, so that its guards can sign in'
const REVOKED = 'it has been revoked, and stays so'

export function createImportClients(context: ImportContext, mapScopes: MapScopes): ImportClients {
  const { services, source, report, dryRun, planned } = context

  async function importOne(em: Em, draft: ClientDraft, user: string | null): Promise<string> {
    const { sourceId, secret, scopes } = draft
    const redirectUris = [...new Set(draft.redirectUris)].filter(isRedirectUri)
    if (redirectUris.length < new Set(draft.redirectUris).size) report.remark('clients', sourceId, BAD_URI)
    if (secret && 'bcrypt' in secret && !isKnownHash(secret.bcrypt)) report.remark('clients', sourceId, BAD_SECRET)
    const client = await createImportedClient(
      em,
      {
        id: (await isFreeId(em, draft.identifier)) ? draft.identifier : undefined,
        name: importedName(draft.name, `Client ${sourceId}`),
        secret,
        redirectUris,
        grantTypes: grantTypesOf(draft, redirectUris),
        user,
        scopes: scopes && mapScopes(scopes),
        revoked: draft.revoked,
        createdAt: draft.createdAt ?? new Date(),
      },
      source,
    )
    return client.id
  }

  const importNew = (draft: ClientDraft, user: string | null) =>
    services.db.transaction(async em => {
      const id = await importOne(em, draft, user)
      await noteImported(em, source, 'client', new Map([[draft.sourceId, id]]))
      if (id === draft.identifier) return
      if (await hasClient(em, draft.identifier)) report.remark('clients', draft.sourceId, TAKEN)
      else if (isUuid(draft.identifier)) report.remark('clients', draft.sourceId, RESERVED)
      else await noteImported(em, source, 'alias', new Map([[draft.identifier, id]]))
    })

  async function isImported(draft: ClientDraft, user: string | null): Promise<boolean> {
    const { rejected } = await writeAccepted([draft], () => importNew(draft, user))
    return rejected.length === 0
  }

  async function importUnlessDry(draft: ClientDraft, user: string | null): Promise<void> {
    if (dryRun) planned.add(`client ${draft.sourceId}`)
    else if (!(await isImported(draft, user))) return report.refuse('clients', draft.sourceId, REJECTED)
    report.count('clients', 'imported')
    if (draft.revoked) report.remark('clients', draft.sourceId, REVOKED)
    if (draft.audience) report.remark('clients', draft.sourceId, RESOURCE_SERVER)
    if (draft.owner !== null && draft.grantTypes.includes('client_credentials'))
      report.remark('clients', draft.sourceId, NOT_MACHINES)
  }

  async function importOwned(draft: ClientDraft, users: Ids): Promise<void> {
    const { owner, sourceId } = draft
    const user = owner === null ? null : users.get(owner)
    const isPlanned = dryRun && planned.has(`user ${owner}`)
    if (user === undefined && !isPlanned) report.refuse('clients', sourceId, NO_OWNER)
    else await importUnlessDry(draft, user ?? null)
  }

  async function revokeKnown(id: string): Promise<void> {
    const client = await services.clients.find(id).catch(() => undefined)
    if (!client || client.revoked) return
    if (!dryRun) await services.clients.revoke(id)
    report.count('clients', 'updated')
  }

  return async drafts => {
    report.count('clients', 'read', drafts.length)
    const ids = drafts.map(({ sourceId }) => sourceId)
    const known = await findImported(services.db, source, 'client', ids)
    report.count('clients', 'known', known.size)
    const owners = drafts.flatMap(({ owner }) => owner ?? [])
    const users = await findImportedUsers(context, owners)
    for (const draft of drafts) {
      const id = known.get(draft.sourceId)
      if (id === undefined) await importOwned(draft, users)
      else if (draft.revoked) await revokeKnown(id)
    }
  }
}

/** The grant types that remain possible with the redirect URIs that remain. */
function grantTypesOf({ grantTypes, secret, owner }: ClientDraft, redirectUris: readonly string[]): GrantType[] {
  const withUsers = redirectUris.length > 0
  return grantTypes.filter(grant => {
    if (grant === 'client_credentials') return secret !== null && owner === null
    return withUsers || grant !== 'authorization_code'
  })
}

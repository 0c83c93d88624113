import { GRANT_TYPES, type GrantType } from '../../clients/client.entity.ts'
import type { ClientDraft } from '../clients.ts'
import { isRefusal, type Refusal, type TokenDraft } from '../drafts.ts'
import type { SourceRow } from '../source/source.ts'
import type { LinkedDraft, ReaderOptions, SystemReader } from './system.ts'
import { endOf, idOf, isTrue, LARAVEL_USERS, listOf, readRow, readUser, timeOf, UnreadableValue } from './values.ts'

const CLIENTS = 'oauth_clients'
const BCRYPT = /^\$2[abxy]\$/

/** What tokens need to know of their client. */
interface KnownClient {
  /** Whether its tokens are personal. */
  personal: boolean
  revoked: boolean
  /** The table of its users. */
  table: string
}

/** Reads the tables of Laravel Passport, 8 to 13, with clients that have numbers or UUIDs. */
export async function readPassport(options: ReaderOptions): Promise<SystemReader> {
  const { from, report, readTime, userTypes } = options
  const columns = (await from.columns(CLIENTS)) ?? []
  // An application that was upgraded may have kept the columns of Passport 12.
  const isVersion13 = columns.includes('grant_types')
  const tableOf = (provider: string | null | undefined) =>
    provider ? (userTypes.get(provider) ?? provider) : (userTypes.get('') ?? 'users')
  const grantsOf = (row: SourceRow) => (isVersion13 ? listOf(row, 'grant_types') : null)
  const isPersonal = (row: SourceRow) =>
    isTrue(row, 'personal_access_client') || (grantsOf(row) ?? []).includes('personal_access')
  const ownerOf = createOwnerOf(userTypes, tableOf)
  const clients = await readClients(from, tableOf, isPersonal)

  function toClient(row: SourceRow): ClientDraft | Refusal | undefined {
    if (clients.get(String(row.id).trimEnd())?.personal) return undefined
    return readRow(row, sourceId => {
      // A client whose kind cannot be read is refused.
      isPersonal(row)
      const secret = row.secret ?? null
      const redirects = (isVersion13 && listOf(row, 'redirect_uris')) || (row.redirect ?? '').split(',').filter(Boolean)
      const grants = grantsOf(row)
      if (isTrue(row, 'password_client') || grants?.includes('password')) {
        report.remark('clients', sourceId, 'there is no password grant here: it can only refresh its tokens')
      }
      return {
        sourceId,
        identifier: sourceId,
        name: row.name ?? '',
        secret: secret === null ? null : BCRYPT.test(secret) ? { bcrypt: secret } : { plain: secret },
        redirectUris: isTrue(row, 'password_client') ? [] : redirects.map(uri => uri.trim()),
        grantTypes: grants ? GRANT_TYPES.filter(grant => grants.includes(grant)) : grantsOfVersion12(row),
        scopes: null,
        revoked: isTrue(row, 'revoked'),
        createdAt: timeOf(readTime, row, 'created_at'),
        owner: ownerOf(row),
      }
    })
  }

  function toToken(row: SourceRow): TokenDraft | Refusal {
    return readRow(row, sourceId => {
      const clientId = idOf(row, 'client_id')
      const client = clients.get(clientId ?? '')
      if (!client) return { sourceId, reason: 'its client does not exist' }
      const scopes = listOf(row, 'scopes')
      if (scopes === null) report.remark('tokens', sourceId, 'its scopes are NULL: it has no scopes')
      if (client.revoked && !isTrue(row, 'revoked'))
        report.remark('tokens', sourceId, 'its client is revoked, so it is revoked')
      return {
        sourceId,
        // Never by the `sub` of the JWT: Passport 13 writes the id of the client there, which MySQL reads as a number.
        user: refOf(client.table, idOf(row, 'user_id')),
        client: client.personal ? null : clientId,
        name: row.name ?? null,
        scopes: scopes ?? [],
        hash: null,
        createdAt: timeOf(readTime, row, 'created_at'),
        expiresAt: endOf(readTime, row, 'expires_at'),
        lastUsedAt: null,
        revoked: isTrue(row, 'revoked') || client.revoked,
      }
    })
  }

  const tables = new Set([tableOf(null), ...[...clients.values()].map(({ table }) => table)])
  const userTables = Object.fromEntries([...clients].map(([id, { table }]) => [id, table]))
  return {
    userTables: [...tables],
    toUser: (table, row) => readUser(readTime, table, row),
    clientTable: CLIENTS,
    toClient,
    tokenTable: 'oauth_access_tokens',
    toToken,
    refreshTable: 'oauth_refresh_tokens',
    toRefresh: row => toRefresh(options, row),
    scopesOfText: isVersion13,
    usersOfClients: userTables,
  }
}

/** Reads what tokens need to know of all clients, by id. */
async function readClients(
  from: ReaderOptions['from'],
  tableOf: (provider: string | null | undefined) => string,
  isPersonal: (row: SourceRow) => boolean,
): Promise<Map<string, KnownClient>> {
  const personalIds = new Set<string>()
  for await (const { rows } of from.chunks('oauth_personal_access_clients'))
    for (const row of rows) personalIds.add(String(row.client_id))
  const found = new Map<string, KnownClient>()
  for await (const { rows } of from.chunks(CLIENTS)) {
    for (const row of rows) {
      const client = readRow(row, id => ({
        id,
        personal: isPersonal(row) || personalIds.has(id),
        revoked: isTrue(row, 'revoked'),
        table: tableOf(row.provider),
      }))
      // Its row is refused, and so are its tokens.
      if (!isRefusal(client)) found.set(client.id, client)
    }
  }
  return found
}

function toRefresh({ readTime, source, refreshHash }: ReaderOptions, row: SourceRow): LinkedDraft | Refusal {
  return readRow(row, sourceId => ({
    sourceId,
    hash: refreshHash(source, sourceId),
    expiresAt: endOf(readTime, row, 'expires_at'),
    revoked: isTrue(row, 'revoked'),
    token: idOf(row, 'access_token_id') ?? '',
  }))
}

/** Passport 13 names the model of the owner, earlier versions mean the users of the client. */
function createOwnerOf(
  userTypes: ReadonlyMap<string, string>,
  tableOf: (provider: string | null | undefined) => string,
): (row: SourceRow) => string | null {
  return row => {
    const { owner_type: type, provider } = row
    const id = idOf(row, 'owner_id')
    if (!id) return refOf(tableOf(provider), idOf(row, 'user_id'))
    const table = userTypes.get(type ?? '') ?? (LARAVEL_USERS.includes(type ?? '') ? tableOf(null) : undefined)
    if (table === undefined) throw new UnreadableValue(`it belongs to a ${type}, which is no user (--user-type)`)
    return `${table}/${id}`
  }
}

const refOf = (table: string, id: string | null) => (id === null ? null : `${table}/${id}`)

/** Passport 12 does not restrict the grants of a client; a public one cannot authenticate. */
function grantsOfVersion12(row: SourceRow): GrantType[] {
  if (isTrue(row, 'password_client')) return ['refresh_token']
  const withUsers: GrantType[] = ['authorization_code', 'refresh_token']
  return row.secret ? [...withUsers, 'client_credentials'] : withUsers
}

import { storable } from '../../http/time.ts'
import { hashSecret } from '../../security/secrets.ts'
import type { ClientDraft } from '../clients.ts'
import type { Refusal, TokenDraft } from '../drafts.ts'
import type { SourceRow } from '../source/source.ts'
import { type Classify, createClassify, inferHashedSince } from './hashed-since.ts'
import type { ReaderOptions, SystemReader } from './system.ts'
import { endOf, hashOfText, idOf, isTrue, readRow, readUser, timeOf, UnreadableValue } from './values.ts'

const USER_TYPES = new Map([['User', 'users']])
const TOKENS = 'oauth_access_tokens'
const APPLICATIONS = 'oauth_applications'
const BCRYPT = /^\$2[abxy]\$/

const words = (text: string | null | undefined) => (text ?? '').split(/[\s,]+/).filter(Boolean)

/** Reads the tables of Doorkeeper 5 (Rails), with plain and hashed values. */
export async function readDoorkeeper(options: ReaderOptions): Promise<SystemReader> {
  const { from, readTime, userTypes, hashedSince } = options
  const types = new Map([...USER_TYPES, ...userTypes])
  const classifyToken = await classifier(options, TOKENS, 'token', hashedSince)
  const classifySecret = await classifier(options, APPLICATIONS, 'secret', hashedSince)
  const [defaultTable = 'users'] = [...new Set(types.values())]
  const has = async (table: string, column: string) => (await from.columns(table))?.includes(column) === true
  const isPolymorphic = await has(TOKENS, 'resource_owner_type')
  const userOf = createUserOf(types, isPolymorphic ? undefined : defaultTable)
  const ownerOf = createUserOf(types, (await has(APPLICATIONS, 'owner_type')) ? undefined : defaultTable)
  const hashOf = createHashOf(classifyToken)
  const secretOf = createSecretOf(classifySecret)

  function toToken(row: SourceRow): TokenDraft | Refusal {
    return readRow(row, sourceId => {
      const createdAt = timeOf(readTime, row, 'created_at')
      const revokedAt = endOf(readTime, row, 'revoked_at')
      // A time in the future has not come yet.
      const revoked = revokedAt !== null && revokedAt.getTime() <= Date.now()
      const end = endAfter(createdAt, row.expires_in)
      const expiresAt = revokedAt && !revoked && (!end || revokedAt < end) ? revokedAt : end
      return {
        sourceId,
        user: userOf(idOf(row, 'resource_owner_id'), row.resource_owner_type),
        client: idOf(row, 'application_id'),
        name: row.application_id ? null : 'Personal access token',
        scopes: words(row.scopes),
        hash: hashOf(row.token, createdAt, hashOfText),
        createdAt,
        expiresAt,
        lastUsedAt: null,
        revoked,
        // A refresh token has no expiry of its own.
        refresh: row.refresh_token
          ? { sourceId, hash: hashOf(row.refresh_token, createdAt), expiresAt: null, revoked }
          : undefined,
      }
    })
  }

  function toClient(row: SourceRow): ClientDraft | Refusal {
    return readRow(row, sourceId => {
      const createdAt = timeOf(readTime, row, 'created_at')
      const isPublic = row.confidential !== undefined && !isTrue(row, 'confidential')
      const redirectUris = words(row.redirect_uri)
      return {
        sourceId,
        identifier: idOf(row, 'uid') ?? sourceId,
        name: row.name ?? '',
        secret: isPublic ? null : secretOf(row, createdAt),
        redirectUris,
        grantTypes: [
          ...(redirectUris.length > 0 ? (['authorization_code', 'refresh_token'] as const) : []),
          ...(isPublic ? [] : (['client_credentials'] as const)),
        ],
        scopes: row.scopes ? words(row.scopes) : null,
        revoked: false,
        createdAt,
        owner: ownerOf(idOf(row, 'owner_id'), row.owner_type),
      }
    })
  }

  return {
    userTables: [...new Set(types.values())],
    toUser: (table, row) => readUser(readTime, table, row),
    clientTable: APPLICATIONS,
    toClient,
    tokenTable: TOKENS,
    toToken,
  }
}

const UNCLEAR = '64 hexadecimal digits may be a plain text or a hash: say since when the source hashes (--hashed-since)'

/** The end by a lifetime in seconds; null: never. @throws UnreadableValue */
function endAfter(createdAt: Date | null, lifetime: Field): Date | null {
  if (lifetime === null || lifetime === undefined || lifetime === '') return null
  if (!/^-?\d{1,10}$/.test(lifetime)) throw new UnreadableValue('its expires_in is no number of seconds')
  if (!createdAt) throw new UnreadableValue('it has no created_at, from which it would end')
  return storable(createdAt.getTime() + Number(lifetime) * 1_000)
}

type HashOf = (value: Field, createdAt: Date | null, hashOfPlain?: (text: string) => Buffer) => Buffer

function createHashOf(classify: Classify): HashOf {
  return (value, createdAt, hashOfPlain = hashSecret) => {
    if (!value) throw new UnreadableValue('it has no token')
    const kind = classify(value, createdAt)
    if (kind === 'unclear') throw new UnreadableValue(UNCLEAR)
    return kind === 'hash' ? Buffer.from(value, 'hex') : hashOfPlain(value)
  }
}

type Field = SourceRow[string] | undefined

/** @param onlyTable the table of every user; undefined: the type of the row says which one it is */
function createUserOf(
  types: ReadonlyMap<string, string>,
  onlyTable: string | undefined,
): (id: Field, type: Field) => string | null {
  return (id, type) => {
    if (id === null || id === undefined) return null
    const table = onlyTable ?? types.get(type ?? '')
    if (table === undefined) throw new UnreadableValue(`it belongs to a ${type}, which is no user (--user-type)`)
    return `${table}/${id}`
  }
}

function createSecretOf(classify: Classify): (row: SourceRow, createdAt: Date | null) => ClientDraft['secret'] {
  return (row, createdAt) => {
    const { secret } = row
    if (!secret) return null
    if (BCRYPT.test(secret)) return { bcrypt: secret }
    const kind = classify(secret, createdAt)
    if (kind === 'unclear') throw new UnreadableValue(UNCLEAR)
    return kind === 'hash' ? { sha256: secret } : { plain: secret }
  }
}

/** Makes the rule for one table, and says in the report what it rests on. */
async function classifier(
  { from, readTime, report }: ReaderOptions,
  table: string,
  column: string,
  hashedSince: Date | null | undefined,
): Promise<Classify> {
  if (hashedSince !== undefined) return createClassify(hashedSince)
  const inferred = await inferHashedSince(from, readTime, table, column)
  if (inferred) {
    report.note(
      `${table}.${column}: 64 hexadecimal digits are taken for a plain text in rows from before ${inferred.toISOString()}, ` +
        'and for a hash in later rows (--hashed-since).',
    )
  }
  return createClassify(inferred)
}

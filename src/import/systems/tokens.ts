import { GRANT_TYPES } from '../../clients/client.entity.ts'
import type { ImportedSecret } from '../../clients/import.ts'
import { hashSecret } from '../../security/secrets.ts'
import { resourcesOf } from '../../tokens/audience.ts'
import type { ClientDraft } from '../clients.ts'
import type { Refusal, TokenDraft } from '../drafts.ts'
import type { SourceRow } from '../source/source.ts'
import type { LinkedDraft, ReaderOptions, SystemReader } from './system.ts'
import { endOf, hashOfText, idOf, isTrue, listOf, readRow, readUser, timeOf, UnreadableValue } from './values.ts'

/** Here it would be an app of the operator. */
const SELF_REGISTERED = 'it registered itself, and can do so here'
const SHA256 = /^[0-9a-f]{64}$/

/** Reads the form that `postern export` writes (docs/export.md), from whatever system. */
export function readTokens({ readTime }: ReaderOptions): SystemReader {
  function toClient(row: SourceRow): ClientDraft | Refusal {
    return readRow(row, sourceId => {
      if (isTrue(row, 'self_registered')) return { sourceId, reason: SELF_REGISTERED }
      return toDraft(row, sourceId)
    })
  }

  function toDraft(row: SourceRow, sourceId: string): ClientDraft {
    return {
      sourceId,
      owner: userOf(row),
      identifier: idOf(row, 'client_id') ?? sourceId,
      name: row.name ?? '',
      secret: secretOf(row),
      redirectUris: listOf(row, 'redirect_uris') ?? [],
      grantTypes: GRANT_TYPES.filter(grant => (listOf(row, 'grant_types') ?? []).includes(grant)),
      scopes: listOf(row, 'scopes'),
      audience: row.audience ?? null,
      revoked: isTrue(row, 'revoked'),
      createdAt: timeOf(readTime, row, 'created_at'),
    }
  }

  function toToken(row: SourceRow): TokenDraft | Refusal {
    return readRow(row, sourceId => ({
      sourceId: idOf(row, 'jti') ?? sourceId,
      user: userOf(row),
      client: idOf(row, 'client_id'),
      name: row.name ?? null,
      scopes: listOf(row, 'scopes') ?? [],
      audience: audienceOf(row),
      hash: row.jti ? null : row.text ? hashOfText(row.text) : hashOf(row),
      createdAt: timeOf(readTime, row, 'created_at'),
      expiresAt: endOf(readTime, row, 'expires_at'),
      lastUsedAt: timeOf(readTime, row, 'last_used_at'),
      // Nobody but the user here decides when a suspension ends.
      revoked: isTrue(row, 'revoked') || isTrue(row, 'suspended'),
    }))
  }

  function toRefresh(row: SourceRow): LinkedDraft | Refusal {
    return readRow(row, sourceId => ({
      sourceId,
      hash: hashOf(row),
      expiresAt: endOf(readTime, row, 'expires_at'),
      revoked: isTrue(row, 'revoked'),
      audience: row.audience,
      token: idOf(row, 'access_token_id') ?? '',
    }))
  }

  return {
    userTables: ['users'],
    toUser: (table, row) => readUser(readTime, table, row),
    clientTable: 'clients',
    toClient,
    tokenTable: 'tokens',
    toToken,
    refreshTable: 'refresh_tokens',
    toRefresh,
  }
}

function userOf(row: SourceRow): string | null {
  const id = idOf(row, 'user_id')
  return id === null ? null : `users/${id}`
}

/** @throws UnreadableValue, since a token without its audience would be accepted by every API */
function audienceOf({ audience }: SourceRow): string | null {
  if (!audience) return null
  if (resourcesOf(audience).every(uri => URL.canParse(uri) && !uri.includes('#'))) return audience
  throw new UnreadableValue('its audience is no list of URIs, separated by spaces')
}

/** The SHA-256 of the text, or the text itself. @throws UnreadableValue */
function hashOf({ sha256, text, format }: SourceRow): Buffer {
  if (text) return hashSecret(text)
  if (sha256 && SHA256.test(sha256)) return Buffer.from(sha256, 'hex')
  throw new UnreadableValue(format === 'jwt' ? JWT : 'it has neither sha256 nor text nor jti')
}

const JWT = 'it is a JWT that only its own issuer accepts'

/** A plain secret, or one of the hashes in the form of the export. */
function secretOf(row: SourceRow): ImportedSecret | null {
  if (row.secret) return { plain: row.secret }
  const [newest] = storedSecrets(row.secrets ?? '[]')
  if (typeof newest?.bcrypt === 'string') return { bcrypt: newest.bcrypt }
  return typeof newest?.hash === 'string' && SHA256.test(newest.hash) ? { sha256: newest.hash } : null
}

/** @throws UnreadableValue */
function storedSecrets(text: string): { hash?: unknown; bcrypt?: unknown }[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list) && list.every(one => typeof one === 'object' && one !== null)) return list
  } catch {
    // The same reason as for any other value.
  }
  throw new UnreadableValue('its secrets are no list')
}

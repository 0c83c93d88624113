import type { Refusal, TokenDraft } from '../drafts.ts'
import type { SourceRow } from '../source/source.ts'
import type { ReaderOptions, SystemReader } from './system.ts'
import { endOf, idOf, LARAVEL_USERS, listOf, readRow, readUser, timeOf, UnreadableValue } from './values.ts'

const SHA256 = /^[0-9a-f]{64}$/

/** Reads the tables of Laravel Sanctum, 2 to 4. */
export function readSanctum({ report, readTime, userTypes, expirationMinutes }: ReaderOptions): SystemReader {
  const types = new Map([...LARAVEL_USERS.map((type): [string, string] => [type, 'users']), ...userTypes])

  /** The end that the row states, or that the configuration states for every token. */
  function earliestEnd(row: SourceRow, createdAt: Date | null): Date | null {
    const own = endOf(readTime, row, 'expires_at')
    if (expirationMinutes === undefined) return own
    if (!createdAt) throw new UnreadableValue('it has no created_at, from which it would end')
    const configured = new Date(createdAt.getTime() + expirationMinutes * 60_000)
    return own && own < configured ? own : configured
  }

  function scopesOf(id: string, row: SourceRow): string[] {
    const abilities = listOf(row, 'abilities')
    if (abilities === null) report.remark('tokens', id, 'its abilities are NULL: it has no scopes')
    return abilities ?? []
  }

  function toToken(row: SourceRow): TokenDraft | Refusal {
    return readRow(row, sourceId => {
      const { tokenable_type: type, token } = row
      const table = types.get(type ?? '')
      if (table === undefined) return { sourceId, reason: `it belongs to a ${type}, which is no user (--user-type)` }
      if (!token || !SHA256.test(token)) return { sourceId, reason: 'its token is no SHA-256' }
      const createdAt = timeOf(readTime, row, 'created_at')
      return {
        sourceId,
        user: `${table}/${idOf(row, 'tokenable_id')}`,
        client: null,
        name: row.name ?? null,
        scopes: scopesOf(sourceId, row),
        hash: Buffer.from(token, 'hex'),
        createdAt,
        expiresAt: earliestEnd(row, createdAt),
        lastUsedAt: timeOf(readTime, row, 'last_used_at'),
        revoked: false,
      }
    })
  }

  return {
    userTables: [...new Set(types.values())],
    toUser: (table, row) => readUser(readTime, table, row),
    tokenTable: 'personal_access_tokens',
    toToken,
  }
}

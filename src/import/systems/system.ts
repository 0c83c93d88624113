import type { RefreshHash } from '../../imported/refresh-hash.ts'
import type { ClientDraft } from '../clients.ts'
import type { RefreshDraft, Refusal, TokenDraft, UserDraft } from '../drafts.ts'
import type { ReadTime } from '../naive-time.ts'
import type { ReportBuilder } from '../report.ts'
import type { Source, SourceRow } from '../source/source.ts'

/** How to read the rows of another system. */
export interface SystemReader {
  /** The tables of its users, by which a token names them. */
  userTables: readonly string[]
  toUser(table: string, row: SourceRow): UserDraft | Refusal
  clientTable?: string
  /** @returns undefined for a client that becomes ours, such as that of personal tokens */
  toClient?(row: SourceRow): ClientDraft | Refusal | undefined
  tokenTable: string
  toToken(row: SourceRow): TokenDraft | Refusal
  /** The table of refresh tokens, where they have one of their own. */
  refreshTable?: string
  toRefresh?(row: SourceRow): LinkedDraft | Refusal
  /** Whether the scopes of a JWT apply in place of those of its row. */
  scopesOfText?: boolean
  /** Tables of the users of a client, by its id. */
  usersOfClients?: Record<string, string>
}

/** A refresh token that names its access token. */
export type LinkedDraft = RefreshDraft & { token: string }

/** What a reader needs to know. */
export interface ReaderOptions {
  /** The name of the source. */
  source: string
  refreshHash: RefreshHash
  from: Source
  report: ReportBuilder
  readTime: ReadTime
  /** Tables of users by the name that tokens use for them: a class, a morph alias, a provider. */
  userTypes: ReadonlyMap<string, string>
  /** Sanctum: minutes after which every token expires; undefined: none. */
  expirationMinutes?: number | undefined
  /** Doorkeeper: since when values are stored as hashes; null: never; undefined: to be inferred. */
  hashedSince?: Date | null | undefined
}

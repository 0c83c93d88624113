import { StartupError } from '../errors/errors.ts'
import type { MapScopes, ScopeMap } from '../imported/scopes.ts'
import type { System } from '../imported/source.entity.ts'
import { createImportClients } from './clients.ts'
import type { ImportContext } from './context.ts'
import { createDeletedTokens } from './deleted-tokens.ts'
import { isRefusal } from './drafts.ts'
import { IdSet } from './id-set.ts'
import { createImportLinked } from './linked-refresh.ts'
import { readTable, type TableReader } from './read-table.ts'
import type { Part } from './report.ts'
import { saveSource } from './save-source.ts'
import type { SourceRow } from './source/source.ts'
import type { SystemReader } from './systems/system.ts'
import { createImportTokens } from './tokens.ts'
import { createImportUsers, type ImportUsersOptions } from './users.ts'

export interface RunOptions {
  system: System
  reader: SystemReader
  users: ImportUsersOptions
  mapScopes: MapScopes
  /** What `mapScopes` goes by, for texts that are seen later. */
  scopeMap: ScopeMap
  /** The key that the source encrypts refresh tokens with, encrypted for storage. */
  encryptedKey?: string | undefined
  /** Selects rows that were created or changed since the last import; undefined: all rows. */
  isRecent?: ((row: SourceRow) => boolean) | undefined
  /** When tokens end that had no end; undefined: as in the first import of this source, or in a year. */
  neverEndsAt?: Date | undefined
  /** Called with what is being read, and how much of it has been read. */
  onProgress?: ((part: Part, done: number, total: number) => void) | undefined
}

/**
 * Imports users, clients and tokens of another system, in batches. It can be repeated, and continued after it was
 * interrupted: a row is imported once, by its id in the source.
 * @throws StartupError when the source does not have the tables of the system
 */
export async function runImport(context: ImportContext, options: RunOptions): Promise<void> {
  const { from, services } = context
  const { system, reader, users, mapScopes, isRecent } = options
  await requireTables(context, reader)
  const { scopesOfText = false } = reader
  const neverEndsAt = await saveSource(context, {
    system,
    scopesOfText,
    settings: { scopes: Object.fromEntries(options.scopeMap), userTables: reader.usersOfClients ?? {} },
    encryptedKey: options.encryptedKey,
    neverEndsAt: options.neverEndsAt,
  })

  async function read<T extends object>(
    table: Omit<TableReader<T>, 'onProgress' | 'isFirst'> & Partial<TableReader<T>>,
  ) {
    const total = await from.total(table.table)
    const ids = new IdSet()
    await readTable(context, {
      isFirst: id => ids.add(id),
      ...table,
      onProgress: done => options.onProgress?.(table.part, done, total),
    })
  }

  const importUsers = createImportUsers(context, users)
  for (const table of reader.userTables) {
    await read({ part: 'users', table, toDraft: row => reader.toUser(table, row), importBatch: importUsers })
  }
  const { clientTable, toClient } = reader
  if (clientTable && toClient) {
    const importClients = createImportClients(context, mapScopes)
    await read({ part: 'clients', table: clientTable, toDraft: toClient, importBatch: importClients })
  }
  const deleted = createDeletedTokens(context)
  await read({
    part: 'tokens',
    table: reader.tokenTable,
    toDraft(row) {
      const draft = reader.toToken(row)
      // What cannot be read has not been deleted.
      if (isRefusal(draft) || draft.refresh) deleted.see('refresh', draft.sourceId)
      return draft
    },
    isFirst: id => deleted.see('token', id),
    isWanted: isRecent,
    importBatch: createImportTokens(context, { mapScopes, neverEndsAt }),
  })
  const { refreshTable, toRefresh } = reader
  if (refreshTable && toRefresh) {
    const importBatch = createImportLinked(context, { neverEndsAt })
    await read({
      part: 'refresh_tokens',
      table: refreshTable,
      isFirst: id => deleted.see('refresh', id),
      toDraft: toRefresh,
      importBatch,
    })
  }
  if (from.isComplete && !isRecent) {
    await deleted.revokeUnseen('token')
    // A dump without the table of refresh tokens does not say that they were deleted.
    if (!refreshTable || (await from.columns(refreshTable))) await deleted.revokeUnseen('refresh')
  }
  // Every node learns of the source, whose texts it has to look up from now on.
  if (!context.dryRun) await services.bus.transaction(async (_, publish) => publish({ kind: 'everything' }))
}

/** A file of rows need not have users and clients: they may have been imported before. */
async function requireTables({ from }: ImportContext, { tokenTable, clientTable, userTables }: SystemReader) {
  const others = from.isComplete ? [clientTable, userTables[0]] : []
  for (const table of [tokenTable, ...others]) {
    if (table !== undefined && !(await from.columns(table))) throw new StartupError(`The source has no table ${table}.`)
  }
}

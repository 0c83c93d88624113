import type { Em } from '../database/database.ts'

/**
 * Notes that refresh tokens of a user end whose text was not seen yet, so that nobody knows whose they are: for each source
 * that has such tokens, by our ids of the user and of the client. Their key may be imported later.
 */
const END = `
  insert into oauth_imported_rows (kind, source_id, source, row_id)
  select 'ended', r.row_id || '/' || ?, r.source, r.row_id
  from oauth_imported_rows r join oauth_import_sources s on s.name = r.source
  where r.kind = 'user' and r.row_id = ? and s.system = 'passport'
  on conflict do nothing`
const IS_ENDED = `
  select 1 from oauth_imported_rows where kind = 'ended' and source = ? and source_id in (?, ?) limit 1`
const EVERY_CLIENT = '*'

/** Ends refresh tokens of a user whose text is seen later, in the transaction that ends the others. */
export async function endUnseenRefresh(em: Em, { user, client = EVERY_CLIENT }: { user: string; client?: string }) {
  await em.execute(END, [client, user])
}

/** Whether a refresh token of a source, whose text is seen for the first time, was ended before. */
export async function isEndedUnseen(em: Em, source: string, of: { user: string; client: string }): Promise<boolean> {
  const ids = [of.client, EVERY_CLIENT].map(client => `${of.user}/${client}`)
  return ((await em.execute(IS_ENDED, [source, ...ids])) as unknown[]).length > 0
}

import type { Database } from '../database/database.ts'
import type { Write } from '../dump/write.ts'

const PAGE = 2_000

/** RFC 3339 in UTC, as everywhere. */
const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** A query for a page of each table, after an id. Its columns are documented in docs/export.md. */
const TABLES: Record<string, string> = {
  users: `
    select id, email, name, role, password_hash, ${time('email_confirmed_at')} as email_confirmed_at,
      ${time('disabled_at')} as disabled_at, ${time('created_at')} as created_at,
      (select jsonb_object_agg(r.source, r.source_id) from oauth_imported_rows r
       where r.kind = 'user' and r.row_id = users.id) as imported_from
    from users where id > ? order by id limit ?`,
  clients: `
    select c.id, coalesce((select source_id from oauth_imported_rows r where r.kind = 'alias' and r.row_id = c.id limit 1),
        c.id::text) as client_id, c.name, c.user_id, c.auth_method, c.secrets, c.redirect_uris, c.grant_types, c.scopes,
      c.audience, c.revoked, (c.registration_hash is not null or c.metadata_url is not null) as self_registered,
      ${time('c.created_at')} as created_at
    from oauth_clients c where c.id > ? and not c.personal_access order by c.id limit ?`,
  tokens: `
    select t.id, t.user_id, case when c.personal_access then null else t.client_id end as client_id, t.name, t.scopes,
      t.format, encode(t.hash, 'hex') as sha256, t.audience, t.revoked, t.suspended,
      ${time('t.created_at')} as created_at, ${time('t.expires_at')} as expires_at,
      ${time('t.last_used_at')} as last_used_at
    from oauth_access_tokens t join oauth_clients c on c.id = t.client_id where t.id > ? order by t.id limit ?`,
  refresh_tokens: `
    select id, access_token_id, user_id, client_id, scopes, audience, encode(hash, 'hex') as sha256,
      revoked or used_at is not null as revoked, ${time('created_at')} as created_at, ${time('expires_at')} as expires_at
    from oauth_refresh_tokens where id > ? order by id limit ?`,
}
const FIRST = '00000000-0000-0000-0000-000000000000'

/**
 * Writes users, clients, tokens and refresh tokens as NDJSON: one `{"table": …, "row": …}` a line. Hashes stand for texts,
 * which are stored nowhere.
 * @returns how many rows
 */
export async function exportRows(db: Database, write: Write): Promise<number> {
  let count = 0
  for (const [table, sql] of Object.entries(TABLES)) {
    for (let after = FIRST; ; ) {
      const rows = await db.query<{ id: string }>(sql, [after, PAGE])
      for (const row of rows) await write(`${JSON.stringify({ table, row })}\n`)
      count += rows.length
      if (rows.length < PAGE) break
      after = rows.at(-1)?.id as string
    }
  }
  return count
}

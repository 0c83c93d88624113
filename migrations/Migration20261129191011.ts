import { Migration } from '@mikro-orm/migrations'

/**
 * What an import asks for every batch of a million rows, in one round trip each and with a plan that is kept. The settings
 * make the plan use indexes: an import fills tables faster than the database collects statistics.
 */
export class Migration20261129191011 extends Migration {
  override name = 'Migration20261129191011'

  override up(): void | Promise<void> {
    for (const sql of [FIND_ROWS, FIND_TOKENS, FIND_USERS, FIND_CLIENTS, IMPORT_REFRESH_TOKENS]) this.addSql(sql)
  }

  override down(): void | Promise<void> {
    this.addSql('drop function import_refresh_tokens(jsonb, text);')
    this.addSql('drop function find_imported_clients(jsonb, text);')
    this.addSql('drop function find_imported_users(jsonb, text);')
    this.addSql('drop function find_imported_tokens(jsonb, text);')
    this.addSql('drop function find_imported_rows(text, jsonb, text);')
  }
}

const BY_INDEX = `language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off`

/** The limit keeps the planner from joining the other way round. */
const rowsOf = (kind: string) => `jsonb_array_elements_text(wanted_ids) wanted (id)
  cross join lateral (
    select i.source_id, i.row_id from oauth_imported_rows i
    where i.kind = ${kind} and i.source_id = wanted.id and i.source = wanted_source limit 1) r`

const FIND_ROWS = `
create function find_imported_rows(wanted_kind text, wanted_ids jsonb, wanted_source text)
returns table (source_id varchar, row_id uuid) ${BY_INDEX} as $function$
#variable_conflict use_column
begin
  return query select r.source_id, r.row_id from ${rowsOf('wanted_kind')};
end
$function$;`

const FIND_TOKENS = `
create function find_imported_tokens(wanted_ids jsonb, wanted_source text)
returns table (source_id varchar, id uuid, user_id uuid, client_id uuid, scopes jsonb, grant_id uuid, hash bytea,
  revoked boolean, changed boolean, last_used_at timestamptz) ${BY_INDEX} as $function$
#variable_conflict use_column
begin
  return query select r.source_id, t.id, t.user_id, t.client_id, t.scopes, t.grant_id, t.hash, t.revoked,
      t.updated_at <> t.created_at, t.last_used_at
    from ${rowsOf("'token'")} left join oauth_access_tokens t on t.id = r.row_id;
end
$function$;`

const FIND_USERS = `
create function find_imported_users(wanted_ids jsonb, wanted_source text)
returns table (source_id varchar, row_id uuid, ended boolean) ${BY_INDEX} as $function$
#variable_conflict use_column
begin
  return query select r.source_id, r.row_id, u.disabled_at is not null
    from ${rowsOf("'user'")} join users u on u.id = r.row_id;
end
$function$;`

const FIND_CLIENTS = `
create function find_imported_clients(wanted_ids jsonb, wanted_source text)
returns table (source_id varchar, row_id uuid, ended boolean) ${BY_INDEX} as $function$
#variable_conflict use_column
begin
  return query select r.source_id, r.row_id, c.revoked
    from ${rowsOf("'client'")} join oauth_clients c on c.id = r.row_id;
end
$function$;`

/** One statement: the refresh tokens, and the notes that they were imported. */
const IMPORT_REFRESH_TOKENS = `
create function import_refresh_tokens(asked jsonb, wanted_source text) returns setof varchar ${BY_INDEX} as $function$
begin
  return query
    with fresh as (
      select a.* from jsonb_to_recordset(asked) as a (id uuid, source_id text, hash bytea, grant_id uuid,
        access_token_id uuid, user_id uuid, client_id uuid, scopes jsonb, expires_at timestamptz)
      where (select t.id from oauth_refresh_tokens t where t.hash = a.hash limit 1) is null
    ),
    inserted as (
      insert into oauth_refresh_tokens (id, hash, grant_id, access_token_id, user_id, client_id, scopes, revoked,
        created_at, expires_at)
      select id, hash, grant_id, access_token_id, user_id, client_id, scopes, false, now(), expires_at from fresh
    )
    insert into oauth_imported_rows (kind, source_id, source, row_id)
    select 'refresh', source_id, wanted_source, id from fresh
    returning oauth_imported_rows.source_id;
end
$function$;`

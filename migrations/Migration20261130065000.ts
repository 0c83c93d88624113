import { Migration } from '@mikro-orm/migrations'

const COLUMNS = `id, user_id, client_id, name, scopes, format, hash, audience, grant_id, parent_id, issued_by_id, session_id,
        family_id, family_expires_at, status_list, status_index, created_at, expires_at`

const EVENT_COLUMNS = `id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id,
        actor_session_id, address, details`

/**
 * Issuing a token counts the live tokens of its user only when the quota may be reached: each token costs the same, however
 * many the user has. Those that are counted are found by an index of users, also while the planner does not know yet that
 * nearly all tokens are of one client.
 */
export class Migration20261130065000 extends Migration {
  override name = 'Migration20261130065000'

  override up(): void | Promise<void> {
    this.addSql(`create table "oauth_token_counts" ("user_id" uuid not null, "client_id" uuid not null,
      "at_most" int not null, primary key ("user_id", "client_id"));`)
    for (const [column, table] of [
      ['user_id', 'users'],
      ['client_id', 'oauth_clients'],
    ])
      this.addSql(`alter table "oauth_token_counts" add constraint "oauth_token_counts_${column}_foreign"
        foreign key ("${column}") references "${table}" ("id") on update cascade on delete cascade;`)
    this.addSql(FORGET)
    this.addSql(`create trigger oauth_access_tokens_count
      after update of user_id, client_id, parent_id, expires_at on oauth_access_tokens for each row
      when (new.user_id is not null and (old.user_id is distinct from new.user_id
        or old.client_id is distinct from new.client_id or old.parent_id is distinct from new.parent_id
        or (old.expires_at <= clock_timestamp() and new.expires_at > old.expires_at)))
      execute function forget_token_count();`)
    this.addSql(ISSUE)
  }

  override down(): void | Promise<void> {
    this.addSql('drop trigger oauth_access_tokens_count on oauth_access_tokens;')
    this.addSql('drop function forget_token_count();')
  }
}

/** More than any quota, so that the tokens are counted before the next one is issued. */
const UNKNOWN = 2_000_000_000

/**
 * A user has more live tokens than were issued to the user. The row is written rather than deleted: whoever issues a token
 * meanwhile waits for it, and counts this token too.
 */
const FORGET = `
create function forget_token_count() returns trigger language plpgsql as $function$
begin
  insert into oauth_token_counts (user_id, client_id, at_most) values (new.user_id, new.client_id, ${UNKNOWN})
  on conflict (user_id, client_id) do update set at_most = ${UNKNOWN};
  return null;
end
$function$;`

/**
 * What `insertToken`, `createTokenInserter` and `createTokenImporter` of src/tokens call; docs/adr/0003 says why it is a
 * function. `within`: the token that asks for the new one; `parent_id`: the one that it is exchanged for; `source` and
 * `source_id`: the row of another system that it is imported from. A token that is imported as revoked needs no user and no
 * client that are still authorized. A token with scopes that the groups of its user do not allow is `changed` from the beginning.
 */
const ISSUE = `
create or replace function issue_tokens(asked jsonb) returns setof uuid language plpgsql set enable_seqscan = off set jit = off as $function$
declare
  user_ids uuid[];
  limited_ids uuid[];
  client_ids uuid[];
  token_ids uuid[];
  dead_ids uuid[];
begin
  select array_agg(distinct user_id) filter (where user_id is not null),
    array_agg(distinct user_id) filter (where token_limit is not null), array_agg(distinct client_id),
    array_agg(distinct within) filter (where within is not null)
      || array_agg(distinct parent_id) filter (where parent_id is not null)
  into user_ids, limited_ids, client_ids, token_ids
  from jsonb_to_recordset(asked) as (user_id uuid, client_id uuid, within uuid, parent_id uuid, token_limit int);
  -- What a token rests on is locked (for share) until the commit: users, then clients, then tokens, each in the order of
  -- their ids. Whoever disables the user, or revokes the client or a token, waits for this and sees the new rows, or came
  -- first and is seen below. Users whose tokens are counted are locked by one statement at a time, and then nothing is
  -- locked for share first, which two could wait for.
  if limited_ids is null and user_ids is not null then
    perform from users where id = any (user_ids) order by id for share;
  elsif user_ids is not null then
    perform from users where id = any (user_ids) order by id for no key update;
  end if;
  if token_ids is not null then
    token_ids := token_ids ||
      array(select parent_id from oauth_access_tokens where id = any (token_ids) and parent_id is not null);
    client_ids := client_ids || array(select client_id from oauth_access_tokens where id = any (token_ids));
  end if;
  perform from oauth_clients where id = any (client_ids) and not personal_access order by id for share;
  if token_ids is not null then
    perform from oauth_access_tokens where id = any (token_ids) order by id for share;
    dead_ids := array(
      select a.id from oauth_access_tokens a join oauth_clients c on c.id = a.client_id
      left join oauth_access_tokens p on p.id = a.parent_id left join oauth_clients pc on pc.id = p.client_id
      where a.id = any (token_ids)
        and (a.revoked or a.suspended or c.revoked or p.revoked or p.suspended or pc.revoked));
  end if;
  -- How many tokens a user has at most: those that were live when they were counted last, and all that were issued since.
  -- They are counted again when that would exceed the limit. "is true": no index of clients, since the client of personal
  -- tokens has nearly all of them.
  if limited_ids is not null then
    insert into oauth_token_counts (user_id, client_id, at_most)
    select distinct l.user_id, l.client_id, ${UNKNOWN}
    from jsonb_to_recordset(asked) as l (user_id uuid, client_id uuid, token_limit int)
    join users u on u.id = l.user_id join oauth_clients c on c.id = l.client_id
    where l.token_limit is not null and not exists (
      select from oauth_token_counts t where t.user_id = l.user_id and t.client_id = l.client_id)
    order by l.user_id, l.client_id on conflict do nothing;
  end if;
  -- By a statement of its own: whoever forgot the count is waited for, and what they did is seen by the next statement.
  if user_ids is not null then
    perform from oauth_token_counts where user_id = any (user_ids) and client_id = any (client_ids)
    order by user_id, client_id for update;
  end if;
  if limited_ids is not null then
    update oauth_token_counts c set at_most = (
      select count(*) from oauth_access_tokens t
      where t.user_id = c.user_id and (t.client_id = c.client_id) is true and not t.revoked and t.parent_id is null
        and t.expires_at > now())
    from (
      select user_id, client_id, count(*) as added, min(token_limit) as token_limit
      from jsonb_to_recordset(asked) as (user_id uuid, client_id uuid, token_limit int)
      group by user_id, client_id having min(token_limit) is not null) l
    where c.user_id = l.user_id and c.client_id = l.client_id and c.at_most + l.added > l.token_limit;
  end if;
  return query
    with allowed as materialized (
      select w.*, row_number() over (partition by w.user_id, w.client_id order by w.id) as place
      from jsonb_to_recordset(asked) as w (
        id uuid, user_id uuid, client_id uuid, name text, scopes jsonb, format text, hash bytea, audience text,
        grant_id uuid, parent_id uuid, issued_by_id uuid, session_id uuid, family_id uuid,
        family_expires_at timestamptz, status_list int, status_index int, created_at timestamptz,
        expires_at timestamptz, within uuid, token_limit int, kind text, details jsonb, revoked boolean,
        last_used_at timestamptz, source text, source_id text, event_id uuid, actor_user_id uuid,
        actor_client_id uuid, actor_token_id uuid, actor_session_id uuid, address text)
      where (coalesce(w.revoked, false) or (select not c.revoked from oauth_clients c where c.id = w.client_id))
        and (coalesce(w.revoked, false) or w.user_id is null or (
          select u.disabled_at is null and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])
          from users u where u.id = w.user_id))
        and (w.within is null or w.within <> all (dead_ids))
        and (w.parent_id is null or (w.parent_id <> all (dead_ids)
          and exists (select from oauth_access_tokens p where p.id = w.parent_id)))
        -- A row of another system is imported once, and no text names two tokens.
        -- The limits keep the planner from reading all rows in place of an index look-up for each.
        and (w.source is null or (
          select r.row_id from oauth_imported_rows r
          where r.kind = 'token' and r.source_id = w.source_id and r.source = w.source limit 1) is null)
        and (w.source is null or w.hash is null or (
          select t.id from oauth_access_tokens t where t.hash = w.hash limit 1) is null)
    ),
    issued as materialized (
      select w.* from allowed w
      left join oauth_token_counts c on c.user_id = w.user_id and c.client_id = w.client_id
      where w.token_limit is null or c.at_most + w.place <= w.token_limit
    ),
    counted as (
      update oauth_token_counts c set at_most = least(c.at_most + i.added, ${UNKNOWN})
      from (
        select user_id, client_id, count(*) as added from issued
        where parent_id is null and not coalesce(revoked, false) group by user_id, client_id) i
      where c.user_id = i.user_id and c.client_id = i.client_id
    ),
    stored as (
      insert into oauth_access_tokens (
        ${COLUMNS}, updated_at, revoked, last_used_at, changed)
      select
        ${COLUMNS}, created_at, coalesce(revoked, false), last_used_at,
        coalesce((select not issued.scopes <@ u.allowed_scopes from users u where u.id = issued.user_id), false)
      from issued
    ),
    imported as (
      insert into oauth_imported_rows (kind, source_id, source, row_id)
      select 'token', source_id, source, id from issued where source is not null
    ),
    audited as (
      insert into audit_events (${EVENT_COLUMNS})
      select event_id, case when source is null then created_at else now() end, coalesce(kind, 'token.issued'), user_id, client_id, id, actor_user_id,
        actor_client_id, actor_token_id, actor_session_id, address,
        jsonb_build_object('name', name, 'scopes', scopes,
          'expires_at', to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
          || coalesce(details, '{}')
      from issued
    )
    select id from issued;
end
$function$;`

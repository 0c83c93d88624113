import { Migration } from '@mikro-orm/migrations'

const COLUMNS = `id, user_id, client_id, name, scopes, format, hash, audience, grant_id, parent_id, issued_by_id, session_id,
        family_id, family_expires_at, status_list, status_index, created_at, expires_at`

const EVENT_COLUMNS = `id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id,
        actor_session_id, address, details`

/**
 * Every grant writes its tokens by `issue_tokens`, and a row that is not valid when it is written has a status event. The
 * function takes what nodes of the version before send.
 */
export class Migration20261129120024 extends Migration {
  override name = 'Migration20261129120024'

  override up(): void | Promise<void> {
    this.addSql('alter function issue_tokens(jsonb) rename to issue_tokens_without_parents;')
    this.addSql(ISSUE)
    this.addSql(WRITE_STATUS_OF_NEW_TOKENS)
    this.addSql(`create trigger oauth_access_tokens_status after insert on oauth_access_tokens
      referencing new table as inserted for each statement execute function write_status_of_new_tokens();`)
  }

  override down(): void | Promise<void> {
    this.addSql('drop trigger oauth_access_tokens_status on oauth_access_tokens;')
    this.addSql('drop function write_status_of_new_tokens();')
    this.addSql('drop function issue_tokens(jsonb);')
    this.addSql('alter function issue_tokens_without_parents(jsonb) rename to issue_tokens;')
  }
}

/**
 * What `insertToken` and `createTokenInserter` of src/tokens call; docs/adr/0003 says why it is a function. `within`: the
 * token that asks for the new one; `parent_id`: the one that it is exchanged for.
 */
const ISSUE = `
create function issue_tokens(asked jsonb) returns setof uuid language plpgsql set enable_seqscan = off as $function$
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
  return query
    with allowed as materialized (
      select w.*, row_number() over (partition by w.user_id, w.client_id order by w.id) as place
      from jsonb_to_recordset(asked) as w (
        id uuid, user_id uuid, client_id uuid, name text, scopes jsonb, format text, hash bytea, audience text,
        grant_id uuid, parent_id uuid, issued_by_id uuid, session_id uuid, family_id uuid,
        family_expires_at timestamptz, status_list int, status_index int, created_at timestamptz,
        expires_at timestamptz, within uuid, token_limit int, kind text, details jsonb, event_id uuid, actor_user_id uuid,
        actor_client_id uuid, actor_token_id uuid, actor_session_id uuid, address text)
      where (select not c.revoked from oauth_clients c where c.id = w.client_id)
        and (w.user_id is null or (
          select u.disabled_at is null and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])
          from users u where u.id = w.user_id))
        and (w.within is null or w.within <> all (dead_ids))
        and (w.parent_id is null or (w.parent_id <> all (dead_ids)
          and exists (select from oauth_access_tokens p where p.id = w.parent_id)))
    ),
    counted as materialized (
      select l.user_id, l.client_id, (
        select count(*) from oauth_access_tokens t
        where t.user_id = l.user_id and t.client_id = l.client_id and not t.revoked and t.parent_id is null
          and t.expires_at > now()) as live
      from (select distinct user_id, client_id from allowed where token_limit is not null) l
    ),
    issued as materialized (
      select w.* from allowed w
      left join counted c on c.user_id = w.user_id and c.client_id = w.client_id
      where w.token_limit is null or c.live + w.place <= w.token_limit
    ),
    stored as (
      insert into oauth_access_tokens (
        ${COLUMNS}, updated_at)
      select
        ${COLUMNS}, created_at
      from issued
    ),
    audited as (
      insert into audit_events (${EVENT_COLUMNS})
      select event_id, created_at, coalesce(kind, 'token.issued'), user_id, client_id, id, actor_user_id,
        actor_client_id, actor_token_id, actor_session_id, address,
        jsonb_build_object('name', name, 'scopes', scopes,
          'expires_at', to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
          || coalesce(details, '{}')
      from issued
    )
    select id from issued;
end
$function$;`

/**
 * Resource servers take a token that no event names for a valid one. The status is that of src/status/events.ts. The lock
 * is the one that numbers events; it is taken only where there is something to write.
 */
const WRITE_STATUS_OF_NEW_TOKENS = `
create function write_status_of_new_tokens() returns trigger language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $function$
declare
  changed_ids uuid[];
begin
  select array_agg(t.id order by t.id) into changed_ids
  from inserted t
  join oauth_clients c on c.id = t.client_id
  left join users u on u.id = t.user_id
  left join oauth_access_tokens p on p.id = t.parent_id
  left join oauth_clients pc on pc.id = p.client_id
  where t.expires_at > now() and (t.revoked or t.suspended or t.changed or c.revoked or u.disabled_at is not null
    or p.revoked or p.suspended or p.changed or pc.revoked);
  if changed_ids is null then
    return null;
  end if;
  perform pg_advisory_xact_lock(7083202);
  insert into oauth_status_events (status_list, status_index, status, at)
  select t.status_list, t.status_index,
    case
      when t.revoked or c.revoked or p.revoked or pc.revoked then 1
      when t.suspended or p.suspended or u.disabled_at is not null then 2
      when t.changed or p.changed then 3
      else 0
    end, now()
  from oauth_access_tokens t
  join oauth_clients c on c.id = t.client_id
  left join users u on u.id = t.user_id
  left join oauth_access_tokens p on p.id = t.parent_id
  left join oauth_clients pc on pc.id = p.client_id
  where t.id = any (changed_ids)
  order by t.id;
  -- NOTIFY takes payloads below 8,000 bytes.
  perform pg_notify('postern_changes', jsonb_agg(jsonb_build_object('kind', 'token', 'id', n.id))::text)
    from unnest(changed_ids) with ordinality as n (id, place)
    group by (n.place - 1) / 40 order by (n.place - 1) / 40;
  return null;
end
$function$;`

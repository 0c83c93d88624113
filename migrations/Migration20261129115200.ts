import { Migration } from '@mikro-orm/migrations'

const GIVEN = `id, user_id, client_id, name, scopes, format, hash, audience, grant_id, parent_id, issued_by_id, session_id,
        family_id, family_expires_at, status_list, status_index, created_at, expires_at`

const EVENT = `id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id, actor_session_id,
        address, details`

/**
 * A user has so many live personal tokens: `issue_tokens` counts them where it is told a limit, which nodes of the version
 * before do not.
 */
export class Migration20261129115200 extends Migration {
  override name = 'Migration20261129115200'

  override up(): void | Promise<void> {
    this.addSql('alter function issue_tokens(jsonb) rename to issue_tokens_unlimited;')
    this.addSql(ISSUE)
  }

  override down(): void | Promise<void> {
    this.addSql('drop function issue_tokens(jsonb);')
    this.addSql('alter function issue_tokens_unlimited(jsonb) rename to issue_tokens;')
  }
}

/** What src/tokens/insert-batch.ts calls; docs/adr/0003 says why it is a function. */
const ISSUE = `
create function issue_tokens(asked jsonb) returns setof uuid language plpgsql set enable_seqscan = off as $function$
declare
  user_ids uuid[];
  limited_ids uuid[];
  client_ids uuid[];
  token_ids uuid[];
begin
  select array_agg(distinct user_id) filter (where user_id is not null),
    array_agg(distinct user_id) filter (where token_limit is not null), array_agg(distinct client_id),
    array_agg(distinct within) filter (where within is not null)
  into user_ids, limited_ids, client_ids, token_ids
  from jsonb_to_recordset(asked) as (user_id uuid, client_id uuid, within uuid, token_limit int);
  -- What a token rests on is held shared until the commit, users first, in the order of their ids: whoever disables the
  -- user, or revokes the client, the token that asks or all tokens, waits for this and sees its rows, or came first and
  -- is seen below.
  -- Users whose tokens are counted are held by one statement at a time, in the same order; nothing is held shared first
  -- and alone then, which two could wait for.
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
  end if;
  return query
    with allowed as materialized (
      select w.*, row_number() over (partition by w.user_id, w.client_id order by w.id) as place
      from jsonb_to_recordset(asked) as w (
        id uuid, user_id uuid, client_id uuid, name text, scopes jsonb, format text, hash bytea, audience text,
        grant_id uuid, parent_id uuid, issued_by_id uuid, session_id uuid, family_id uuid,
        family_expires_at timestamptz, status_list int, status_index int, created_at timestamptz,
        expires_at timestamptz, within uuid, token_limit int, event_id uuid, actor_user_id uuid, actor_client_id uuid,
        actor_token_id uuid, actor_session_id uuid, address text)
      where (select not c.revoked from oauth_clients c where c.id = w.client_id)
        and (w.user_id is null or (
          select u.disabled_at is null and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])
          from users u where u.id = w.user_id))
        and not coalesce(
          (select a.revoked or a.suspended or c.revoked
           from oauth_access_tokens a join oauth_clients c on c.id = a.client_id where a.id = w.within), false)
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
        ${GIVEN}, updated_at)
      select
        ${GIVEN}, created_at
      from issued
    ),
    told as (
      insert into audit_events (${EVENT})
      select event_id, created_at, 'token.issued', user_id, client_id, id, actor_user_id, actor_client_id,
        actor_token_id, actor_session_id, address,
        jsonb_build_object('name', name, 'scopes', scopes,
          'expires_at', to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      from issued
    )
    select id from issued;
end
$function$;`

import { Migration } from '@mikro-orm/migrations'

const GIVEN = `id, user_id, client_id, name, scopes, format, hash, audience, grant_id, parent_id, status_list, status_index,
        created_at, expires_at`

/**
 * What src/tokens/writer.ts calls; docs/adr/0003 says why it is a function. Each element of `asked` is a row, and what its
 * audit event needs besides. What a row rests on is looked up by one index for each row, whatever a plan that was made
 * while the tables were small would rather do. The function before it, of three parameters, stays for nodes of the
 * version before, which serve until they are replaced.
 */
export class Migration20261122115500 extends Migration {
  override name = 'Migration20261122115500'

  override up(): void | Promise<void> {
    this.addSql(`
create function issue_tokens(asked jsonb) returns setof uuid language plpgsql set enable_seqscan = off as $function$
declare
  user_ids uuid[];
  client_ids uuid[];
begin
  select array_agg(distinct user_id) filter (where user_id is not null), array_agg(distinct client_id)
  into user_ids, client_ids
  from jsonb_to_recordset(asked) as (user_id uuid, client_id uuid);
  -- What a token rests on is held shared until the commit, users first, in the order of their ids: whoever disables the
  -- user, or revokes the client or all tokens, waits for this and sees its rows, or came first and is seen below.
  if user_ids is not null then
    perform from users where id = any (user_ids) order by id for share;
  end if;
  perform from oauth_clients where id = any (client_ids) and not personal_access order by id for share;
  return query
    with issued as materialized (
      select w.* from jsonb_to_recordset(asked) as w (
        id uuid, user_id uuid, client_id uuid, name text, scopes jsonb, format text, hash bytea, audience text,
        grant_id uuid, parent_id uuid, status_list int, status_index int, created_at timestamptz, expires_at timestamptz,
        within uuid, event_id uuid, actor_user_id uuid, actor_client_id uuid, address text)
      where (select not c.revoked from oauth_clients c where c.id = w.client_id)
        and (w.user_id is null or (
          select u.disabled_at is null and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])
          from users u where u.id = w.user_id))
        and not coalesce(
          (select a.revoked or a.suspended from oauth_access_tokens a where a.id = w.within), false)
    ),
    stored as (
      insert into oauth_access_tokens (
        ${GIVEN}, updated_at)
      select
        ${GIVEN}, created_at
      from issued
    ),
    told as (
      insert into audit_events
        (id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, address, details)
      select event_id, created_at, 'token.issued', user_id, client_id, id, actor_user_id, actor_client_id, address,
        jsonb_build_object('name', name, 'scopes', scopes,
          'expires_at', to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      from issued
    )
    select id from issued;
end
$function$;`)
  }

  override down(): void | Promise<void> {
    this.addSql('drop function issue_tokens(jsonb);')
  }
}

import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off'

/** What src/tokens/writer.ts calls; docs/adr/0003 says why it is a function. */
export class Migration20261122060500 extends Migration {
  override name = 'Migration20261122060500'

  override up(): void | Promise<void> {
    this.addSql(`
create function issue_tokens(tokens jsonb, asked jsonb, events jsonb) returns setof uuid language plpgsql
  ${BY_INDEX} as $function$
declare
  wanted oauth_access_tokens[] := array(select t from jsonb_populate_recordset(null::oauth_access_tokens, tokens) t);
begin
  -- What a token rests on is held shared until the commit, users first, in the order of their ids: whoever disables the
  -- user, or revokes the client or all tokens, waits for this and sees its rows, or came first and is seen below.
  perform from users where id in (select user_id from unnest(wanted)) order by id for share;
  perform from oauth_clients where id in (select client_id from unnest(wanted)) and not personal_access
    order by id for share;
  return query
    with issued as (
      insert into oauth_access_tokens
      select w.* from unnest(wanted) w
      join oauth_clients c on c.id = w.client_id and not c.revoked
      left join users u on u.id = w.user_id
      left join jsonb_to_recordset(asked) as a (id uuid, within uuid) on a.id = w.id
      left join oauth_access_tokens asker on asker.id = a.within
      where (w.user_id is null or (u.id is not null and u.disabled_at is null
          and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])))
        and not coalesce(asker.revoked or asker.suspended, false)
      returning id
    ),
    told as (
      insert into audit_events
      select e.* from jsonb_populate_recordset(null::audit_events, events) e where e.token_id in (select id from issued)
    )
    select id from issued;
end
$function$;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop function issue_tokens(jsonb, jsonb, jsonb);`)
  }
}

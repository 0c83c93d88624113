import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off'

/** What src/tokens/retire.ts and src/tokens/revoker.ts call; docs/adr/0022 says why they are functions. */
export class Migration20261122081500 extends Migration {
  override name = 'Migration20261122081500'

  override up(): void | Promise<void> {
    this.addSql(`
create function retire_tokens(asked jsonb, at timestamptz) returns setof uuid language plpgsql
  ${BY_INDEX} as $function$
declare
  parents uuid[];
  dead uuid[];
begin
  -- Rows are held in the order of their ids, so that two of these wait for each other and do not deadlock.
  parents := array(
    select t.id from oauth_access_tokens t
    join jsonb_to_recordset(asked) as a (id uuid, user_id uuid, client_id uuid) on a.id = t.id
    where not t.revoked
      and (a.user_id is null or (t.user_id = a.user_id and t.client_id = a.client_id and t.parent_id is null))
    order by t.id for update of t);
  if cardinality(parents) = 0 then
    return;
  end if;
  dead := parents || array(
    select id from oauth_access_tokens
    where parent_id = any(parents) and not revoked and id <> all(parents)
    order by id for update);
  update oauth_access_tokens set revoked = true, updated_at = retire_tokens.at where id = any(dead);
  insert into audit_events
    (id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, address, details)
  select
    case when a.id = t.id then a.event_id else
      -- A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, and the version over that of a random one.
      encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from retire_tokens.at) * 1000)::bigint) from 3)
        from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
    end,
    retire_tokens.at, 'token.revoked', t.user_id, t.client_id, t.id, a.actor_user_id, a.actor_client_id, a.address, '{}'
  from oauth_access_tokens t
  join jsonb_to_recordset(asked)
    as a (id uuid, event_id uuid, actor_user_id uuid, actor_client_id uuid, address text)
    on a.id = case when t.id = any(parents) then t.id else t.parent_id end
  where t.id = any(dead);
  return query select unnest(dead);
end
$function$;`)
    this.addSql(`
create function revoke_tokens(asked jsonb, at timestamptz) returns setof jsonb language plpgsql
  ${BY_INDEX} as $function$
declare
  dead uuid[] := array(select retire_tokens(asked, at));
  changes jsonb[];
begin
  if cardinality(dead) = 0 then
    return;
  end if;
  -- Held until the commit, by whoever writes events, so that sequence numbers become visible in their order, each one
  -- more than the last.
  perform pg_advisory_xact_lock(7083202);
  with written as (
    insert into oauth_status_events (status_list, status_index, status, at)
    select status_list, status_index, 1, now() from oauth_access_tokens
    where id = any(dead) and expires_at > now()
    order by id
    returning sequence, status_list, status_index, status
  )
  select array_agg(jsonb_strip_nulls(jsonb_build_object('kind', 'token', 'id', t.id, 'event',
      case when w.sequence is not null then jsonb_build_object(
        'sequence', w.sequence, 'list', w.status_list, 'index', w.status_index, 'status', w.status) end))
    order by w.sequence)
    into changes
    from oauth_access_tokens t
    left join written w on w.status_list = t.status_list and w.status_index = t.status_index
    where t.id = any(dead);
  -- NOTIFY takes payloads below 8,000 bytes.
  for i in 1 .. cardinality(changes) by 40 loop
    perform pg_notify('postern_changes', to_jsonb(changes[i : i + 39])::text);
  end loop;
  return query select unnest(changes);
end
$function$;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop function revoke_tokens(jsonb, timestamptz);`)
    this.addSql(`drop function retire_tokens(jsonb, timestamptz);`)
  }
}

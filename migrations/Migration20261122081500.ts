import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off'

/** What src/tokens/retire.ts and src/tokens/revoker.ts call; docs/adr/0022 says why they are functions. */
export class Migration20261122081500 extends Migration {
  override name = 'Migration20261122081500'

  override up(): void | Promise<void> {
    this.addSql(`
create function retire_tokens(asked jsonb, at timestamptz) returns table (id uuid, by_itself boolean) language plpgsql
  ${BY_INDEX} as $function$
#variable_conflict use_column
declare
  allowed jsonb;
begin
  -- Rows are held in the order of their ids, so that two of these wait for each other and do not deadlock.
  allowed := (select jsonb_agg(to_jsonb(held)) from (
    select a.* from jsonb_to_recordset(asked)
      as a (id uuid, event_id uuid, user_id uuid, client_id uuid, actor_user_id uuid, actor_client_id uuid, address text)
    join oauth_access_tokens t on t.id = a.id
    where not t.revoked
      and (a.client_id is null or (t.user_id = a.user_id and t.client_id = a.client_id and t.parent_id is null))
    order by t.id for update of t) held);
  if allowed is null then
    return;
  end if;
  insert into audit_events
    (id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, address, details)
  select a.event_id, retire_tokens.at, 'token.revoked', t.user_id, t.client_id, t.id,
    a.actor_user_id, a.actor_client_id, a.address, '{}'
  from jsonb_to_recordset(allowed)
    as a (id uuid, event_id uuid, actor_user_id uuid, actor_client_id uuid, address text)
  join oauth_access_tokens t on t.id = a.id;
  return query
    update oauth_access_tokens t set revoked = true, updated_at = retire_tokens.at
    from jsonb_to_recordset(allowed) as a (id uuid) where t.id = a.id
    returning t.id, true;

  -- What was exchanged for them: none can be added, since an exchange holds the row of the token that it is for.
  perform from jsonb_to_recordset(allowed) as a (id uuid)
    join oauth_access_tokens t on t.parent_id = a.id and not t.revoked
    order by t.id for update of t;
  insert into audit_events
    (id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, address, details)
  select
    -- A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, and the version over that of a random one.
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send(floor(extract(epoch from retire_tokens.at) * 1000)::bigint) from 3)
      from 1 for 6), 52, 1), 53, 1), 'hex')::uuid,
    retire_tokens.at, 'token.revoked', t.user_id, t.client_id, t.id,
    a.actor_user_id, a.actor_client_id, a.address, '{}'
  from jsonb_to_recordset(allowed) as a (id uuid, actor_user_id uuid, actor_client_id uuid, address text)
  join oauth_access_tokens t on t.parent_id = a.id and not t.revoked;
  return query
    update oauth_access_tokens t set revoked = true, updated_at = retire_tokens.at
    from jsonb_to_recordset(allowed) as a (id uuid) where t.parent_id = a.id and not t.revoked
    returning t.id, false;
end
$function$;`)
    this.addSql(`
create function revoke_tokens(asked jsonb, at timestamptz) returns table (change jsonb, by_itself boolean)
  language plpgsql ${BY_INDEX} as $function$
#variable_conflict use_column
declare
  dead uuid[];
  themselves boolean[];
  changes jsonb[];
begin
  select array_agg(r.id order by r.id), array_agg(r.by_itself order by r.id) into dead, themselves
    from retire_tokens(asked, at) r;
  if dead is null then
    return;
  end if;
  -- Held until the commit, by whoever writes events, so that sequence numbers become visible in their order, each one
  -- more than the last.
  perform pg_advisory_xact_lock(7083202);
  with dying as materialized (
    select place.*, case when place.expires_at > now()
        then nextval(pg_get_serial_sequence('oauth_status_events', 'sequence')) end as sequence
    from (
      select t.id, t.status_list, t.status_index, t.expires_at
      from unnest(dead) as d (id) join oauth_access_tokens t on t.id = d.id order by t.id
    ) place
  ), written as (
    insert into oauth_status_events (sequence, status_list, status_index, status, at)
    select sequence, status_list, status_index, 1, now() from dying where sequence is not null
  )
  select array_agg(jsonb_strip_nulls(jsonb_build_object('kind', 'token', 'id', id, 'event',
      case when sequence is not null then jsonb_build_object(
        'sequence', sequence, 'list', status_list, 'index', status_index, 'status', 1) end)) order by id)
    into changes from dying;
  -- NOTIFY takes payloads below 8,000 bytes.
  perform pg_notify('postern_changes', jsonb_agg(c.change order by c.place)::text)
    from unnest(changes) with ordinality as c (change, place)
    group by (c.place - 1) / 40 order by (c.place - 1) / 40;
  return query select c.change, c.itself from unnest(changes, themselves) as c (change, itself);
end
$function$;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop function revoke_tokens(jsonb, timestamptz);`)
    this.addSql(`drop function retire_tokens(jsonb, timestamptz);`)
  }
}

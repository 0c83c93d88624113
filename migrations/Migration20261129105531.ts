import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off'

const GIVEN = `id, user_id, client_id, name, scopes, format, hash, audience, grant_id, parent_id, issued_by_id, session_id,
        family_id, family_expires_at, status_list, status_index, created_at, expires_at`

const EVENT = `id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id, actor_session_id,
        address, details`

/**
 * Tokens know what issued them, and their family; revoking one revokes what it issued. The functions of the same names
 * take the place of those before, also for nodes of the version before: these send less, and revoke no less.
 */
export class Migration20261129105531 extends Migration {
  override name = 'Migration20261129105531'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_access_tokens" add "issued_by_id" uuid null, add "session_id" uuid null,
      add "family_id" uuid null, add "family_expires_at" timestamptz null;`)
    this.addSql(`create index "oauth_access_tokens_issued_by_index" on "oauth_access_tokens" ("issued_by_id")
      where issued_by_id is not null;`)
    this.addSql('alter table "oauth_clients" add "issues_personal_tokens" boolean not null default false;')
    this.addSql('alter table "audit_events" add "actor_token_id" uuid null, add "actor_session_id" uuid null;')
    this.addSql('alter function issue_tokens(jsonb) rename to issue_tokens_before;')
    this.addSql('alter function retire_tokens(jsonb, timestamptz) rename to retire_tokens_before;')
    this.addSql('alter function revoke_tokens(jsonb, timestamptz) rename to revoke_tokens_before;')
    this.addSql(ISSUE)
    this.addSql(RETIRE)
    this.addSql(REVOKE)
  }

  override down(): void | Promise<void> {
    this.addSql('drop function issue_tokens(jsonb);')
    this.addSql('drop function retire_tokens(jsonb, timestamptz);')
    this.addSql('drop function revoke_tokens(jsonb, timestamptz);')
    this.addSql('alter function issue_tokens_before(jsonb) rename to issue_tokens;')
    this.addSql('alter function retire_tokens_before(jsonb, timestamptz) rename to retire_tokens;')
    this.addSql('alter function revoke_tokens_before(jsonb, timestamptz) rename to revoke_tokens;')
    this.addSql('alter table "oauth_clients" drop column "issues_personal_tokens";')
    this.addSql('alter table "audit_events" drop column "actor_token_id", drop column "actor_session_id";')
    this.addSql(`alter table "oauth_access_tokens" drop column "issued_by_id", drop column "session_id",
      drop column "family_id", drop column "family_expires_at";`)
  }
}

/** What src/tokens/writer.ts calls; docs/adr/0003 says why it is a function. */
const ISSUE = `
create function issue_tokens(asked jsonb) returns setof uuid language plpgsql set enable_seqscan = off as $function$
declare
  user_ids uuid[];
  client_ids uuid[];
  token_ids uuid[];
begin
  select array_agg(distinct user_id) filter (where user_id is not null), array_agg(distinct client_id),
    array_agg(distinct within) filter (where within is not null)
  into user_ids, client_ids, token_ids
  from jsonb_to_recordset(asked) as (user_id uuid, client_id uuid, within uuid);
  -- What a token rests on is held shared until the commit, users first, in the order of their ids: whoever disables the
  -- user, or revokes the client, the token that asks or all tokens, waits for this and sees its rows, or came first and
  -- is seen below.
  if user_ids is not null then
    perform from users where id = any (user_ids) order by id for share;
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
    with issued as materialized (
      select w.* from jsonb_to_recordset(asked) as w (
        id uuid, user_id uuid, client_id uuid, name text, scopes jsonb, format text, hash bytea, audience text,
        grant_id uuid, parent_id uuid, issued_by_id uuid, session_id uuid, family_id uuid,
        family_expires_at timestamptz, status_list int, status_index int, created_at timestamptz,
        expires_at timestamptz, within uuid, event_id uuid, actor_user_id uuid, actor_client_id uuid,
        actor_token_id uuid, actor_session_id uuid, address text)
      where (select not c.revoked from oauth_clients c where c.id = w.client_id)
        and (w.user_id is null or (
          select u.disabled_at is null and (u.role = 'admin' or not w.scopes ?| array['admin:read', 'admin:write'])
          from users u where u.id = w.user_id))
        and not coalesce(
          (select a.revoked or a.suspended or c.revoked
           from oauth_access_tokens a join oauth_clients c on c.id = a.client_id where a.id = w.within), false)
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

/**
 * What src/tokens/retire.ts calls: docs/adr/0022. `by_itself`: it was asked for; `root`: the one that it died with. What
 * a token issued goes with it, by exchange or by minting, and what that issued.
 */
const RETIRE = `
create function retire_tokens(asked jsonb, at timestamptz) returns table (id uuid, by_itself boolean, root uuid)
  language plpgsql ${BY_INDEX} as $function$
#variable_conflict use_column
declare
  generation jsonb;
  itself boolean := true;
begin
  -- Rows are held in the order of their ids, so that two of these wait for each other and do not deadlock.
  generation := (select jsonb_agg(to_jsonb(held)) from (
    select a.*, a.id as root from jsonb_to_recordset(asked)
      as a (id uuid, event_id uuid, user_id uuid, client_id uuid, actor_user_id uuid, actor_client_id uuid,
        actor_token_id uuid, actor_session_id uuid, address text)
    join oauth_access_tokens t on t.id = a.id
    where not t.revoked
      and (a.client_id is null or (t.user_id = a.user_id and t.client_id = a.client_id and t.parent_id is null))
    order by t.id for update of t) held);
  while generation is not null loop
    insert into audit_events (${EVENT})
    select
      -- A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, and the version over that of a random one.
      coalesce(a.event_id, encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from retire_tokens.at) * 1000)::bigint) from 3)
        from 1 for 6), 52, 1), 53, 1), 'hex')::uuid),
      retire_tokens.at, 'token.revoked', t.user_id, t.client_id, t.id,
      a.actor_user_id, a.actor_client_id, a.actor_token_id, a.actor_session_id, a.address, '{}'
    from jsonb_to_recordset(generation) as a (id uuid, event_id uuid, actor_user_id uuid, actor_client_id uuid,
      actor_token_id uuid, actor_session_id uuid, address text)
    join oauth_access_tokens t on t.id = a.id;
    return query
      update oauth_access_tokens t set revoked = true, updated_at = retire_tokens.at
      from jsonb_to_recordset(generation) as a (id uuid, root uuid) where t.id = a.id
      returning t.id, itself, a.root;
    -- None can be added: an exchange, and whoever mints, holds the row of the token that issues.
    generation := (select jsonb_agg(to_jsonb(held)) from (
      select issued.* from (
        select distinct on (c.id) c.id, a.root, a.actor_user_id, a.actor_client_id, a.actor_token_id,
          a.actor_session_id, a.address
        from jsonb_to_recordset(generation) as a (id uuid, root uuid, actor_user_id uuid, actor_client_id uuid,
          actor_token_id uuid, actor_session_id uuid, address text)
        cross join lateral (
          select e.id from oauth_access_tokens e where e.parent_id = a.id and not e.revoked
          union all
          select m.id from oauth_access_tokens m where m.issued_by_id = a.id and not m.revoked
        ) c
        order by c.id
      ) issued
      join oauth_access_tokens t on t.id = issued.id
      where not t.revoked
      order by t.id for update of t) held);
    itself := false;
  end loop;
end
$function$;`

/** What src/tokens/revoker.ts calls: docs/adr/0022. */
const REVOKE = `
create function revoke_tokens(asked jsonb, at timestamptz) returns table (change jsonb, by_itself boolean, root uuid)
  language plpgsql ${BY_INDEX} as $function$
#variable_conflict use_column
declare
  dead uuid[];
  themselves boolean[];
  roots uuid[];
  changes jsonb[];
begin
  select array_agg(r.id order by r.id), array_agg(r.by_itself order by r.id), array_agg(r.root order by r.id)
    into dead, themselves, roots
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
  return query select c.change, c.itself, c.root
    from unnest(changes, themselves, roots) as c (change, itself, root);
end
$function$;`

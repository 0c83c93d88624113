import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off'

const EVENT_COLUMNS = `id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id,
        actor_session_id, address, details`

/**
 * Revoking a token within its overlap revokes its successor too. Exchanged tokens that have expired are left alone: they are
 * invalid already, and nobody can extend them.
 */
export class Migration20261129135500 extends Migration {
  override name = 'Migration20261129135500'

  override up(): void | Promise<void> {
    this.addSql('alter function retire_tokens(jsonb, timestamptz) rename to retire_tokens_without_successors;')
    this.addSql(RETIRE)
    this.addSql('drop index "oauth_access_tokens_parent_index";')
    this.addSql(`create index "oauth_access_tokens_parent_index" on "oauth_access_tokens" ("parent_id", "expires_at")
      where parent_id is not null and not revoked;`)
    this.addSql(`create index "oauth_access_tokens_exchanged_index" on "oauth_access_tokens" ("user_id", "expires_at")
      where parent_id is not null and not revoked;`)
  }

  override down(): void | Promise<void> {
    this.addSql('drop index "oauth_access_tokens_exchanged_index";')
    this.addSql('drop index "oauth_access_tokens_parent_index";')
    this.addSql(`create index "oauth_access_tokens_parent_index" on "oauth_access_tokens" ("parent_id")
      where parent_id is not null;`)
    this.addSql('drop function retire_tokens(jsonb, timestamptz);')
    this.addSql('alter function retire_tokens_without_successors(jsonb, timestamptz) rename to retire_tokens;')
  }
}

/**
 * What `revokeTokens` of src/tokens/revoke.ts calls: docs/adr/0022. `by_itself`: the request names it; `root`: the token of
 * the request that it was revoked with. A token takes along what it issued, by exchange or with `tokens:write`, and, with
 * `with_successor`, the token that replaced it while it is still valid. A rotation does not set that, and neither do nodes
 * of the version before.
 */
const RETIRE = `
create function retire_tokens(asked jsonb, at timestamptz) returns table (id uuid, by_itself boolean, root uuid)
  language plpgsql ${BY_INDEX} as $function$
#variable_conflict use_column
declare
  generation jsonb;
  itself boolean := true;
begin
  -- Rows are locked in the order of their ids, so that two of these wait for each other and do not deadlock.
  generation := (select jsonb_agg(to_jsonb(held)) from (
    select a.*, a.id as root from jsonb_to_recordset(asked)
      as a (id uuid, event_id uuid, user_id uuid, client_id uuid, with_successor boolean, actor_user_id uuid,
        actor_client_id uuid, actor_token_id uuid, actor_session_id uuid, address text)
    join oauth_access_tokens t on t.id = a.id
    where not t.revoked
      and (a.client_id is null or (t.user_id = a.user_id and t.client_id = a.client_id and t.parent_id is null))
    order by t.id for update of t) held);
  while generation is not null loop
    insert into audit_events (${EVENT_COLUMNS})
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
    -- None can be added: an exchange, a rotation, and whoever issues, locks the row of the token that issues.
    generation := (select jsonb_agg(to_jsonb(held)) from (
      select issued.* from (
        select distinct on (c.id) c.id, a.root, a.with_successor, a.actor_user_id, a.actor_client_id,
          a.actor_token_id, a.actor_session_id, a.address
        from jsonb_to_recordset(generation) as a (id uuid, root uuid, with_successor boolean, actor_user_id uuid,
          actor_client_id uuid, actor_token_id uuid, actor_session_id uuid, address text)
        cross join lateral (
          select e.id from oauth_access_tokens e
            where e.parent_id = a.id and not e.revoked and e.expires_at > now()
          union all
          select m.id from oauth_access_tokens m where m.issued_by_id = a.id and not m.revoked
          union all
          select s.successor_id from oauth_access_tokens s
            where a.with_successor and s.id = a.id and s.successor_id is not null and s.expires_at > now()
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

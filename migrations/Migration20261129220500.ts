import { Migration } from '@mikro-orm/migrations'

/** Rows are found by their ids, whatever a plan that was made while the table was small would rather do. */
const BY_INDEX = `set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_bitmapscan = off set jit = off`

/** A revocation of many tokens is a few statements for sets of rows. `retire_tokens` stays for nodes of the version before. */
export class Migration20261129220500 extends Migration {
  override name = 'Migration20261129220500'

  override up(): void | Promise<void> {
    this.addSql(REVOKE_SET)
  }

  override down(): void | Promise<void> {
    this.addSql('drop function revoke_token_set(jsonb, jsonb, timestamptz, boolean);')
  }
}

/**
 * What `revokeTokens` of src/tokens/revoke.ts calls: docs/adr/0022, 0090. It revokes the live ones of these tokens, what they
 * issued, by exchange or with `tokens:write`, and, with `with_successor`, what replaced them while they are still valid. All of
 * them have the same actor.
 */
const REVOKE_SET = `
create function revoke_token_set(asked jsonb, actor jsonb, at timestamptz, with_successor boolean) returns setof uuid
  language plpgsql ${BY_INDEX} as $function$
declare
  generation uuid[] := array(select jsonb_array_elements_text(asked)::uuid);
  successors uuid[];
  actor_user uuid := actor->>'actor_user_id';
  actor_client uuid := actor->>'actor_client_id';
  actor_token uuid := actor->>'actor_token_id';
  actor_session uuid := actor->>'actor_session_id';
  actor_address text := actor->>'address';
  -- Of UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, and the version; that of a random one begins behind it.
  milliseconds text := lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0');
  prefix text := left(milliseconds, 8) || '-' || right(milliseconds, 4) || '-7';
begin
  while cardinality(generation) > 0 loop
    with dead as (
      -- An index scan goes through an array in the order of the ids, so that two of these wait for each other and do not
      -- deadlock.
      update oauth_access_tokens t set revoked = true, updated_at = revoke_token_set.at
      where t.id = any (generation) and not t.revoked
      returning t.id, t.user_id, t.client_id, t.successor_id, t.expires_at
    ), recorded as (
      insert into audit_events (id, at, kind, user_id, client_id, token_id, actor_user_id, actor_client_id, actor_token_id,
        actor_session_id, address, details)
      select (prefix || substr(gen_random_uuid()::text, 16))::uuid, revoke_token_set.at, 'token.revoked', d.user_id,
        d.client_id, d.id, actor_user, actor_client, actor_token, actor_session, actor_address, '{}'
      from dead d
    )
    select array_agg(d.id), array_agg(d.successor_id)
        filter (where with_successor and d.successor_id is not null and d.expires_at > now())
      into generation, successors from dead d;
    return query select unnest(generation);
    -- None can be added: an exchange, a rotation, and whoever issues, locks the row of the token that issues.
    generation := coalesce(successors, '{}') || array(
      select issued.id from unnest(generation) as g (id) cross join lateral (
        select e.id from oauth_access_tokens e where e.parent_id = g.id and not e.revoked and e.expires_at > now()
        union all
        select m.id from oauth_access_tokens m where m.issued_by_id = g.id and not m.revoked
      ) issued);
  end loop;
end
$function$;`

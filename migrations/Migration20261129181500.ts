import { Migration } from '@mikro-orm/migrations'

/**
 * Users of an application, which are known by its own ids. Users and clients share one namespace on the wire (`sub`), so the
 * database lets no id name two of them (RFC 9068 §5).
 */
export class Migration20261129181500 extends Migration {
  override name = 'Migration20261129181500'

  override up(): void | Promise<void> {
    this.addSql(`alter table "users" add "subject" varchar(255) null;`)
    this.addSql(`alter table "users" add "disabled_by_application" boolean not null default false;`)
    this.addSql(`alter table "users" alter column "email" drop not null;`)
    this.addSql(`alter table "users" add constraint "users_subject_unique" unique ("subject");`)
    this.addSql(
      `create table "oauth_subjects" ("hash" bytea not null, "kind" varchar(8) not null, "row_id" uuid not null, primary key ("hash"));`,
    )
    for (const sql of [CLAIM, CLAIM_OF_USER, CLAIM_OF_CLIENT, RELEASE_OF_CLIENT, ...TRIGGERS, ...EXISTING])
      this.addSql(sql)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop trigger "users_subject" on "users";`)
    this.addSql(`drop trigger "oauth_clients_subject" on "oauth_clients";`)
    this.addSql(`drop trigger "oauth_clients_subject_end" on "oauth_clients";`)
    for (const name of ['claim_user_subject()', 'claim_client_subject()', 'release_client_subject()'])
      this.addSql(`drop function ${name};`)
    this.addSql(`drop function claim_subject(text, text, uuid);`)
    this.addSql(`drop table "oauth_subjects";`)
    this.addSql(`delete from "users" where "email" is null;`)
    this.addSql(`alter table "users" drop constraint "users_subject_unique";`)
    this.addSql(`alter table "users" drop column "subject", drop column "disabled_by_application";`)
    this.addSql(`alter table "users" alter column "email" set not null;`)
  }
}

/** Concurrent claims of one subject wait for each other at the primary key. */
const CLAIM = `
create function claim_subject(subject text, claimant text, claimant_id uuid) returns void language plpgsql as $function$
declare
  wanted bytea := sha256(convert_to(subject, 'UTF8'));
begin
  insert into oauth_subjects (hash, kind, row_id) values (wanted, claimant, claimant_id) on conflict (hash) do nothing;
  if not exists (select from oauth_subjects s where s.hash = wanted and s.kind = claimant and s.row_id = claimant_id) then
    raise unique_violation using message = 'the id is that of another user or client', constraint = 'oauth_subjects_pkey';
  end if;
end
$function$;`

/** An id of version 8 is derived from a subject, and no other id has that version. */
const CLAIM_OF_USER = `
create function claim_user_subject() returns trigger language plpgsql as $function$
begin
  if (new.subject is null) = (substr(new.id::text, 15, 1) = '8') or (new.subject is not null and new.email is not null) then
    raise check_violation using message = 'a user has a derived id and no address, or no subject', constraint = 'users_subject_check';
  end if;
  perform claim_subject(coalesce(new.subject, new.id::text), 'user', new.id);
  return null;
end
$function$;`

const CLAIM_OF_CLIENT = `
create function claim_client_subject() returns trigger language plpgsql as $function$
begin
  perform claim_subject(coalesce(new.metadata_url, new.id::text), 'client', new.id);
  return null;
end
$function$;`

/** Clients that registered themselves are deleted when nobody used them. Ids of users are never given to others. */
const RELEASE_OF_CLIENT = `
create function release_client_subject() returns trigger language plpgsql as $function$
begin
  delete from oauth_subjects where hash = sha256(convert_to(coalesce(old.metadata_url, old.id::text), 'UTF8'));
  return null;
end
$function$;`

const TRIGGERS = [
  `create trigger "users_subject" after insert or update of "id", "subject", "email" on "users"
    for each row execute function claim_user_subject();`,
  `create trigger "oauth_clients_subject" after insert or update of "id", "metadata_url" on "oauth_clients"
    for each row execute function claim_client_subject();`,
  `create trigger "oauth_clients_subject_end" after delete on "oauth_clients"
    for each row execute function release_client_subject();`,
]

const EXISTING = [
  `insert into oauth_subjects (hash, kind, row_id) select sha256(convert_to(id::text, 'UTF8')), 'user', id from users
    on conflict (hash) do nothing;`,
  `insert into oauth_subjects (hash, kind, row_id)
    select sha256(convert_to(coalesce(metadata_url, id::text), 'UTF8')), 'client', id from oauth_clients
    on conflict (hash) do nothing;`,
]

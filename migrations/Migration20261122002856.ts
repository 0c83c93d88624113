import { Migration } from '@mikro-orm/migrations'

export class Migration20261122002856 extends Migration {
  override name = 'Migration20261122002856'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "audit_events" ("id" uuid not null, "at" timestamptz not null, "kind" varchar(32) not null, "user_id" uuid null, "client_id" uuid null, "token_id" uuid null, "actor_user_id" uuid null, "actor_client_id" uuid null, "address" varchar(64) null, "details" jsonb not null, primary key ("id"));`,
    )
    this.addSql(`create index "audit_events_user_index" on "audit_events" ("user_id", "id");`)
    this.addSql(`create index "audit_events_client_index" on "audit_events" ("client_id", "id");`)
    this.addSql(`create index "audit_events_kind_index" on "audit_events" ("kind", "id");`)

    this.addSql(
      `create table "oauth_pruned_statuses" ("status_list" int not null, "status_index" int not null, "expires_at" timestamptz not null, primary key ("status_list", "status_index"));`,
    )
    this.addSql(`create index "oauth_pruned_statuses_expires_at_index" on "oauth_pruned_statuses" ("expires_at");`)

    this.addSql(
      `create table "oauth_signing_keys" ("id" uuid not null, "algorithm" varchar(16) not null, "state" varchar(16) not null, "public_key" jsonb not null, "private_key" text not null, "created_at" timestamptz not null, "activated_at" timestamptz null, "retired_at" timestamptz null, primary key ("id"));`,
    )
    this.addSql(
      `create unique index "oauth_signing_keys_state_unique" on "oauth_signing_keys" ("state") where state <> 'past';`,
    )

    this.addSql(
      `create table "oauth_status_events" ("sequence" bigserial primary key, "status_list" int not null, "status_index" int not null, "status" smallint not null, "at" timestamptz not null);`,
    )
    this.addSql(`create index "oauth_status_events_at_index" on "oauth_status_events" ("at");`)

    this.addSql(
      `create table "oauth_status_lists" ("id" serial primary key, "size" int not null, "reserved" int not null, "created_at" timestamptz not null, "expires_at" timestamptz not null);`,
    )
    this.addSql(`create index "oauth_status_lists_open_index" on "oauth_status_lists" ("expires_at", "id");`)

    this.addSql(
      `create table "users" ("id" uuid not null, "email" varchar(254) not null, "name" varchar(255) not null, "password_hash" text not null, "role" varchar(16) not null, "disabled_at" timestamptz null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "users" add constraint "users_email_unique" unique ("email");`)

    this.addSql(
      `create table "sessions" ("id" uuid not null, "hash" bytea not null, "user_id" uuid not null, "address" varchar(64) not null, "user_agent" varchar(255) not null, "created_at" timestamptz not null, "last_seen_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "sessions" add constraint "sessions_hash_unique" unique ("hash");`)
    this.addSql(`create index "sessions_user_id_index" on "sessions" ("user_id");`)
    this.addSql(`create index "sessions_expires_at_index" on "sessions" ("expires_at");`)

    this.addSql(
      `create table "oauth_clients" ("id" uuid not null, "user_id" uuid null, "name" varchar(255) not null, "auth_method" varchar(32) not null, "secrets" jsonb not null, "jwks" jsonb null, "registration_hash" bytea null, "metadata" jsonb null, "redirect_uris" jsonb not null, "grant_types" jsonb not null, "scopes" jsonb null, "audience" text null, "access_token_lifetime" int null, "refresh_token_lifetime" int null, "token_format" varchar(16) not null, "personal_access" boolean not null default false, "revoked" boolean not null default false, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`create index "oauth_clients_user_id_index" on "oauth_clients" ("user_id");`)
    this.addSql(
      `alter table "oauth_clients" add constraint "oauth_clients_registration_hash_unique" unique ("registration_hash");`,
    )
    this.addSql(`alter table "oauth_clients" add constraint "oauth_clients_audience_unique" unique ("audience");`)
    this.addSql(
      `create unique index "oauth_clients_personal_access_unique" on "oauth_clients" ("personal_access") where personal_access;`,
    )

    this.addSql(
      `create table "oauth_used_assertions" ("client_id" uuid not null, "hash" bytea not null, "expires_at" timestamptz not null, primary key ("client_id", "hash"));`,
    )
    this.addSql(`create index "oauth_used_assertions_expires_at_index" on "oauth_used_assertions" ("expires_at");`)

    this.addSql(
      `create table "oauth_refresh_tokens" ("id" uuid not null, "hash" bytea not null, "grant_id" uuid not null, "access_token_id" uuid not null, "user_id" uuid not null, "client_id" uuid not null, "scopes" jsonb not null, "audience" text null, "revoked" boolean not null default false, "used_at" timestamptz null, "replay" text null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "oauth_refresh_tokens" add constraint "oauth_refresh_tokens_hash_unique" unique ("hash");`)
    this.addSql(`create index "oauth_refresh_tokens_grant_id_index" on "oauth_refresh_tokens" ("grant_id");`)
    this.addSql(
      `create index "oauth_refresh_tokens_access_token_id_index" on "oauth_refresh_tokens" ("access_token_id");`,
    )
    this.addSql(`create index "oauth_refresh_tokens_user_id_index" on "oauth_refresh_tokens" ("user_id");`)
    this.addSql(`create index "oauth_refresh_tokens_client_id_index" on "oauth_refresh_tokens" ("client_id");`)
    this.addSql(`create index "oauth_refresh_tokens_expires_at_index" on "oauth_refresh_tokens" ("expires_at");`)

    this.addSql(
      `create table "oauth_pushed_requests" ("id" uuid not null, "hash" bytea not null, "client_id" uuid not null, "parameters" jsonb not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(
      `alter table "oauth_pushed_requests" add constraint "oauth_pushed_requests_hash_unique" unique ("hash");`,
    )
    this.addSql(`create index "oauth_pushed_requests_client_id_index" on "oauth_pushed_requests" ("client_id");`)
    this.addSql(`create index "oauth_pushed_requests_expires_at_index" on "oauth_pushed_requests" ("expires_at");`)

    this.addSql(
      `create table "oauth_device_codes" ("id" uuid not null, "hash" bytea not null, "user_code_hash" bytea not null, "client_id" uuid not null, "user_id" uuid null, "scopes" jsonb not null, "audience" text null, "state" varchar(16) not null, "interval" int not null, "last_polled_at" timestamptz null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "oauth_device_codes" add constraint "oauth_device_codes_hash_unique" unique ("hash");`)
    this.addSql(
      `alter table "oauth_device_codes" add constraint "oauth_device_codes_user_code_hash_unique" unique ("user_code_hash");`,
    )
    this.addSql(`create index "oauth_device_codes_client_id_index" on "oauth_device_codes" ("client_id");`)
    this.addSql(`create index "oauth_device_codes_user_id_index" on "oauth_device_codes" ("user_id");`)
    this.addSql(`create index "oauth_device_codes_expires_at_index" on "oauth_device_codes" ("expires_at");`)

    this.addSql(
      `create table "oauth_consents" ("id" uuid not null, "user_id" uuid not null, "client_id" uuid not null, "scopes" jsonb not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`create index "oauth_consents_client_id_index" on "oauth_consents" ("client_id");`)
    this.addSql(
      `alter table "oauth_consents" add constraint "oauth_consents_user_client_unique" unique ("user_id", "client_id");`,
    )

    this.addSql(
      `create table "oauth_auth_codes" ("id" uuid not null, "hash" bytea not null, "user_id" uuid not null, "client_id" uuid not null, "redirect_uri" text not null, "redirect_uri_given" boolean not null, "scopes" jsonb not null, "audience" text null, "code_challenge" varchar(128) not null, "used_at" timestamptz null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "oauth_auth_codes" add constraint "oauth_auth_codes_hash_unique" unique ("hash");`)
    this.addSql(`create index "oauth_auth_codes_user_id_index" on "oauth_auth_codes" ("user_id");`)
    this.addSql(`create index "oauth_auth_codes_client_id_index" on "oauth_auth_codes" ("client_id");`)
    this.addSql(`create index "oauth_auth_codes_expires_at_index" on "oauth_auth_codes" ("expires_at");`)

    this.addSql(
      `create table "oauth_access_tokens" ("id" uuid not null, "user_id" uuid null, "client_id" uuid not null, "name" varchar(255) null, "scopes" jsonb not null, "format" varchar(16) not null, "hash" bytea null, "audience" text null, "grant_id" uuid null, "parent_id" uuid null, "revoked" boolean not null default false, "suspended" boolean not null default false, "changed" boolean not null default false, "status_list" int not null, "status_index" int not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, "last_used_at" timestamptz null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "oauth_access_tokens" add constraint "oauth_access_tokens_hash_unique" unique ("hash");`)
    this.addSql(
      `create index "oauth_access_tokens_user_live_index" on "oauth_access_tokens" ("user_id", "id") where not revoked;`,
    )
    this.addSql(
      `create index "oauth_access_tokens_client_live_index" on "oauth_access_tokens" ("client_id", "id") where not revoked;`,
    )
    this.addSql(
      `create index "oauth_access_tokens_grant_index" on "oauth_access_tokens" ("grant_id") where grant_id is not null;`,
    )
    this.addSql(
      `create index "oauth_access_tokens_parent_index" on "oauth_access_tokens" ("parent_id") where parent_id is not null;`,
    )
    this.addSql(
      `create index "oauth_access_tokens_not_valid_index" on "oauth_access_tokens" ("id") where revoked or suspended or changed;`,
    )
    this.addSql(`create index "oauth_access_tokens_expires_at_index" on "oauth_access_tokens" ("expires_at");`)
    this.addSql(
      `create index "oauth_access_tokens_revoked_index" on "oauth_access_tokens" ("updated_at") where revoked;`,
    )

    this.addSql(
      `alter table "sessions" add constraint "sessions_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_clients" add constraint "oauth_clients_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_used_assertions" add constraint "oauth_used_assertions_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_refresh_tokens" add constraint "oauth_refresh_tokens_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_refresh_tokens" add constraint "oauth_refresh_tokens_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_pushed_requests" add constraint "oauth_pushed_requests_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_device_codes" add constraint "oauth_device_codes_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_device_codes" add constraint "oauth_device_codes_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_consents" add constraint "oauth_consents_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_consents" add constraint "oauth_consents_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_auth_codes" add constraint "oauth_auth_codes_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_auth_codes" add constraint "oauth_auth_codes_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_access_tokens" add constraint "oauth_access_tokens_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_access_tokens" add constraint "oauth_access_tokens_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )
  }
}

import { Migration } from '@mikro-orm/migrations'

export class Migration20261121224140 extends Migration {
  override name = 'Migration20261121224140'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_signing_keys" ("id" uuid not null, "algorithm" varchar(16) not null, "state" varchar(16) not null, "public_key" jsonb not null, "private_key" text not null, "created_at" timestamptz not null, "activated_at" timestamptz null, "retired_at" timestamptz null, primary key ("id"));`,
    )
    this.addSql(
      `create unique index "oauth_signing_keys_state_unique" on "oauth_signing_keys" ("state") where state <> 'past';`,
    )

    this.addSql(
      `create table "users" ("id" uuid not null, "email" varchar(254) not null, "name" varchar(255) not null, "password_hash" text not null, "role" varchar(16) not null, "disabled_at" timestamptz null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "users" add constraint "users_email_unique" unique ("email");`)

    this.addSql(
      `create table "oauth_clients" ("id" uuid not null, "user_id" uuid null, "name" varchar(255) not null, "secrets" jsonb not null, "redirect_uris" jsonb not null, "grant_types" jsonb not null, "scopes" jsonb null, "audience" text null, "access_token_lifetime" int null, "refresh_token_lifetime" int null, "token_format" varchar(16) not null, "personal_access" boolean not null default false, "revoked" boolean not null default false, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`create index "oauth_clients_user_id_index" on "oauth_clients" ("user_id");`)
    this.addSql(`alter table "oauth_clients" add constraint "oauth_clients_audience_unique" unique ("audience");`)
    this.addSql(
      `create unique index "oauth_clients_personal_access_unique" on "oauth_clients" ("personal_access") where personal_access;`,
    )

    this.addSql(
      `create table "oauth_access_tokens" ("id" uuid not null, "user_id" uuid null, "client_id" uuid not null, "name" varchar(255) null, "scopes" jsonb not null, "format" varchar(16) not null, "hash" bytea null, "revoked" boolean not null default false, "suspended" boolean not null default false, "created_at" timestamptz not null, "updated_at" timestamptz not null, "last_used_at" timestamptz null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "oauth_access_tokens" add constraint "oauth_access_tokens_hash_unique" unique ("hash");`)
    this.addSql(
      `create index "oauth_access_tokens_user_live_index" on "oauth_access_tokens" ("user_id", "id") where not revoked;`,
    )
    this.addSql(
      `create index "oauth_access_tokens_client_live_index" on "oauth_access_tokens" ("client_id", "id") where not revoked;`,
    )
    this.addSql(`create index "oauth_access_tokens_expires_at_index" on "oauth_access_tokens" ("expires_at");`)
    this.addSql(
      `create index "oauth_access_tokens_revoked_index" on "oauth_access_tokens" ("updated_at") where revoked;`,
    )

    this.addSql(
      `alter table "oauth_clients" add constraint "oauth_clients_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_access_tokens" add constraint "oauth_access_tokens_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_access_tokens" add constraint "oauth_access_tokens_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )
  }
}

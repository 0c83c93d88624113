import { Migration } from '@mikro-orm/migrations'

/** Second factors: passkeys, authenticator apps and recovery codes. */
export class Migration20261129192000 extends Migration {
  override name = 'Migration20261129192000'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "used_challenges" ("hash" bytea not null, "expires_at" timestamptz not null, primary key ("hash"));`,
    )
    this.addSql(`create index "used_challenges_expires_at_index" on "used_challenges" ("expires_at");`)
    this.addSql(
      `create table "recovery_codes" ("user_id" uuid not null, "hash" bytea not null, primary key ("user_id", "hash"));`,
    )
    this.addSql(
      `create table "passkeys" ("id" uuid not null, "user_id" uuid not null, "credential_id" bytea not null, "public_key" bytea not null, "counter" bigint not null, "transports" jsonb not null, "name" varchar(64) not null, "created_at" timestamptz not null, "last_used_at" timestamptz null, primary key ("id"));`,
    )
    this.addSql(`create index "passkeys_user_id_index" on "passkeys" ("user_id");`)
    this.addSql(`alter table "passkeys" add constraint "passkeys_credential_id_unique" unique ("credential_id");`)
    this.addSql(
      `create table "authenticator_apps" ("user_id" uuid not null, "encrypted_secret" text not null, "last_step" bigint not null, "created_at" timestamptz not null, "last_used_at" timestamptz null, primary key ("user_id"));`,
    )
    this.addSql(`alter table "sessions" add "methods" varchar(64) null, add "held_form" text null;`)
    this.addSql(
      `alter table "recovery_codes" add constraint "recovery_codes_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "passkeys" add constraint "passkeys_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "authenticator_apps" add constraint "authenticator_apps_user_id_foreign" foreign key ("user_id") references "users" ("id") on update cascade on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    for (const table of ['used_challenges', 'recovery_codes', 'passkeys', 'authenticator_apps']) {
      this.addSql(`drop table if exists "${table}" cascade;`)
    }
    this.addSql(`alter table "sessions" drop column "methods", drop column "held_form";`)
  }
}

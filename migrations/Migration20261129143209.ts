import { Migration } from '@mikro-orm/migrations'

/** Identities of users at OpenID providers, and which provider authenticated a session. */
export class Migration20261129143209 extends Migration {
  override name = 'Migration20261129143209'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "user_identities" ("issuer" varchar(512) not null, "subject" varchar(255) not null, "user_id" uuid not null, "created_at" timestamptz not null, "last_sign_in_at" timestamptz null, primary key ("issuer", "subject"));`,
    )
    this.addSql(`create index "user_identities_user_id_index" on "user_identities" ("user_id");`)

    this.addSql(`alter table "users" add "has_password" boolean not null default true;`)

    this.addSql(`alter table "sessions" add "provider" varchar(512) null, add "provider_session" varchar(255) null;`)

    this.addSql(
      `alter table "user_identities" add constraint "user_identities_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "user_identities" cascade;`)

    this.addSql(`alter table "sessions" drop column "provider", drop column "provider_session";`)

    this.addSql(`alter table "users" drop column "has_password";`)
  }
}

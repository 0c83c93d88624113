import { Migration } from '@mikro-orm/migrations'

/** Mails that are not sent yet, links in mails, and when an address was confirmed. */
export class Migration20261129140722 extends Migration {
  override name = 'Migration20261129140722'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "mail_outbox" ("id" uuid not null, "kind" varchar(32) not null, "params" jsonb not null, "attempts" int not null default 0, "next_attempt_at" timestamptz not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`create index "mail_outbox_next_attempt_at_index" on "mail_outbox" ("next_attempt_at");`)

    this.addSql(
      `create table "user_links" ("hash" bytea not null, "user_id" uuid not null, "purpose" varchar(16) not null, "email" varchar(254) not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("hash"));`,
    )
    this.addSql(`create index "user_links_user_id_index" on "user_links" ("user_id");`)
    this.addSql(`create index "user_links_expires_at_index" on "user_links" ("expires_at");`)

    this.addSql(`alter table "users" add "email_confirmed_at" timestamptz null;`)
    // The addresses that operators entered count as confirmed, those that users changed themselves do not.
    this.addSql(`update "users" set "email_confirmed_at" = "created_at" where not exists (
      select 1 from audit_events e
      where e.user_id = users.id and e.actor_user_id = users.id and e.kind = 'user.changed' and e.details @> '{"fields": ["email"]}'
    );`)

    this.addSql(
      `alter table "user_links" add constraint "user_links_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "mail_outbox" cascade;`)
    this.addSql(`drop table if exists "user_links" cascade;`)

    this.addSql(`alter table "users" drop column "email_confirmed_at";`)
  }
}

import { Migration } from '@mikro-orm/migrations'

export class Migration20261122024226 extends Migration {
  override name = 'Migration20261122024226'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "nodes" ("id" uuid not null, "name" varchar(255) not null, "sequence" bigint not null, "reached_at" timestamptz null, "hearing" boolean not null, "readers" jsonb not null, "seen_at" timestamptz not null, primary key ("id"));`,
    )

    this.addSql(`alter table "oauth_access_tokens" add "used_scopes" jsonb null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "nodes" cascade;`)

    this.addSql(`alter table "oauth_access_tokens" drop column "used_scopes";`)
  }
}

import { Migration } from '@mikro-orm/migrations'

/** Work that goes on after the response. */
export class Migration20261130020000 extends Migration {
  override name = 'Migration20261130020000'

  override up(): void | Promise<void> {
    this.addSql(`create table "operations" ("id" uuid not null, "kind" varchar(32) not null, "input" jsonb not null,
      "owner" varchar(36) not null, "requester" varchar(36) not null, "actor" jsonb not null, "last_token_id" uuid null, "state" jsonb not null,
      "status" varchar(16) not null, "count" int not null, "total" int null, "failures" int not null default 0,
      "created_at" timestamptz not null, "updated_at" timestamptz not null, "finished_at" timestamptz null,
      "expires_at" timestamptz null, primary key ("id"));`)
    this.addSql(`create index "operations_running_index" on "operations" ("updated_at") where status = 'running';`)
    this.addSql(`create unique index "operations_running_unique" on "operations" ("kind", "input", "owner", "requester")
      where status = 'running';`)
    // The owner reads the newest first; prune looks for those that have ended.
    this.addSql(`create index "operations_owner_index" on "operations" ("owner", "id");`)
    this.addSql(`create index "operations_expires_at_index" on "operations" ("expires_at");`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table "operations";`)
  }
}

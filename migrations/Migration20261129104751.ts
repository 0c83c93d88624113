import { Migration } from '@mikro-orm/migrations'

export class Migration20261129104751 extends Migration {
  override name = 'Migration20261129104751'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_pending_statuses" ("id" uuid not null, "kind" varchar(10) not null, "after" uuid not null, primary key ("id"));`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "oauth_pending_statuses" cascade;`)
  }
}

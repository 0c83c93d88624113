import { Migration } from '@mikro-orm/migrations'

export class Migration20261129190400 extends Migration {
  override name = 'Migration20261129190400'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "service_accounts" ("user_id" uuid not null, "description" varchar(1000) not null, primary key ("user_id"));`,
    )

    this.addSql(
      `create table "service_account_maintainers" ("account_id" uuid not null, "user_id" uuid not null, "created_at" timestamptz not null, primary key ("account_id", "user_id"));`,
    )
    this.addSql(`create index "service_account_maintainers_user_index" on "service_account_maintainers" ("user_id");`)

    this.addSql(`alter table "users" add "kind" varchar(16) not null default 'person';`)

    this.addSql(
      `alter table "service_accounts" add constraint "service_accounts_user_id_foreign" foreign key ("user_id") references "users" ("id") on update cascade on delete cascade;`,
    )

    this.addSql(
      `alter table "service_account_maintainers" add constraint "service_account_maintainers_account_id_foreign" foreign key ("account_id") references "users" ("id") on update cascade on delete cascade;`,
    )
    this.addSql(
      `alter table "service_account_maintainers" add constraint "service_account_maintainers_user_id_foreign" foreign key ("user_id") references "users" ("id") on update cascade on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "service_accounts" cascade;`)
    this.addSql(`drop table if exists "service_account_maintainers" cascade;`)

    this.addSql(`alter table "users" drop column "kind";`)
  }
}

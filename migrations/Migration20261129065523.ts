import { Migration } from '@mikro-orm/migrations'

export class Migration20261129065523 extends Migration {
  override name = 'Migration20261129065523'

  override up(): void | Promise<void> {
    this.addSql(`create table "settings" ("name" varchar(64) not null, "value" jsonb not null, primary key ("name"));`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "settings" cascade;`)
  }
}

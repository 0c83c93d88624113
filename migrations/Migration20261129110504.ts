import { Migration } from '@mikro-orm/migrations'

export class Migration20261129110504 extends Migration {
  override name = 'Migration20261129110504'

  override up(): void | Promise<void> {
    this.addSql(`alter table "users" add "must_change_password" boolean not null default false;`)

    this.addSql(`alter table "sessions" add "proved_at" timestamptz null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "sessions" drop column "proved_at";`)

    this.addSql(`alter table "users" drop column "must_change_password";`)
  }
}

import { Migration } from '@mikro-orm/migrations'

/** When an application first said that it has no such user: its id may be given to somebody else. */
export class Migration20261129195612 extends Migration {
  override name = 'Migration20261129195612'

  override up(): void | Promise<void> {
    this.addSql(`alter table "users" add "gone_at" timestamptz null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "users" drop column "gone_at";`)
  }
}

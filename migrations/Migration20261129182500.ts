import { Migration } from '@mikro-orm/migrations'

export class Migration20261129182500 extends Migration {
  override name = 'Migration20261129182500'

  override up(): void | Promise<void> {
    this.addSql(`alter table "users" add "language" varchar(8) null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "users" drop column "language";`)
  }
}

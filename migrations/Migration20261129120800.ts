import { Migration } from '@mikro-orm/migrations'

export class Migration20261129120800 extends Migration {
  override name = 'Migration20261129120800'

  override up(): void | Promise<void> {
    this.addSql('alter table "users" add column "unlocked_at" timestamptz(6) null;')
  }

  override down(): void | Promise<void> {
    this.addSql('alter table "users" drop column "unlocked_at";')
  }
}

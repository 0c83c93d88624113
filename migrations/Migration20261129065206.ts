import { Migration } from '@mikro-orm/migrations'

export class Migration20261129065206 extends Migration {
  override name = 'Migration20261129065206'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_access_tokens" add "successor_id" uuid null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "oauth_access_tokens" drop column "successor_id";`)
  }
}

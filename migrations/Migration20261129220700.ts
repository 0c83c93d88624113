import { Migration } from '@mikro-orm/migrations'

/** The API that reported the last use of a token. */
export class Migration20261129220700 extends Migration {
  override name = 'Migration20261129220700'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_access_tokens" add "last_used_by" text null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "oauth_access_tokens" drop column "last_used_by";`)
  }
}

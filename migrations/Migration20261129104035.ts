import { Migration } from '@mikro-orm/migrations'

/** What an operator allowed a client; null: nothing. */
export class Migration20261129104035 extends Migration {
  override name = 'Migration20261129104035'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_clients" add "exchange_audiences" jsonb null, add "resources" jsonb null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "oauth_clients" drop column "exchange_audiences", drop column "resources";`)
  }
}

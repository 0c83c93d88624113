import { Migration } from '@mikro-orm/migrations'

/** What a change of APP_KEY needs: the key of each status list, and which keys a node has. */
export class Migration20261129185200 extends Migration {
  override name = 'Migration20261129185200'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_status_lists" add "permutation_key" text null;`)
    this.addSql(`alter table "nodes" add "app_keys" jsonb null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "nodes" drop column "app_keys";`)
    this.addSql(`alter table "oauth_status_lists" drop column "permutation_key";`)
  }
}

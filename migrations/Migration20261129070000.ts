import { Migration } from '@mikro-orm/migrations'

/**
 * Lists that exist give out no more indices. Which index a position has was derived from how APP_KEY was spelled; now it
 * is derived from its bytes. In a list that was begun under another spelling, a new index could be one that is taken.
 */
export class Migration20261129070000 extends Migration {
  override name = 'Migration20261129070000'

  override up(): void | Promise<void> {
    this.addSql('update oauth_status_lists set reserved = size where reserved < size;')
  }

  override down(): void | Promise<void> {}
}

import { Migration } from '@mikro-orm/migrations'

/** One subject of a provider for each user: two that have one address cannot both be linked. */
export class Migration20261129155331 extends Migration {
  override name = 'Migration20261129155331'

  override up(): void | Promise<void> {
    this.addSql(
      `alter table "user_identities" add constraint "user_identities_user_unique" unique ("issuer", "user_id");`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "user_identities" drop constraint "user_identities_user_unique";`)
  }
}

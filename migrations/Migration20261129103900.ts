import { Migration } from '@mikro-orm/migrations'

export class Migration20261129103900 extends Migration {
  override name = 'Migration20261129103900'

  override up(): void | Promise<void> {
    this.addSql('alter table "oauth_signing_keys" add column "revoked_at" timestamptz(6) null;')
  }

  override down(): void | Promise<void> {
    this.addSql('alter table "oauth_signing_keys" drop column "revoked_at";')
  }
}

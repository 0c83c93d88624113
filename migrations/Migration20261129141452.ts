import { Migration } from '@mikro-orm/migrations'

/** The id of a key is its `kid`, which begins with TOKEN_PREFIX; existing keys keep theirs. */
export class Migration20261129141452 extends Migration {
  override name = 'Migration20261129141452'

  override up(): void | Promise<void> {
    this.addSql('alter table "oauth_signing_keys" alter column "id" type varchar(64) using ("id"::varchar(64));')
  }

  /** Fails once a key with a prefix exists, since an older version could not verify its tokens. */
  override down(): void | Promise<void> {
    this.addSql('alter table "oauth_signing_keys" alter column "id" type uuid using ("id"::text::uuid);')
  }
}

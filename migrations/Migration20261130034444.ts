import { Migration } from '@mikro-orm/migrations'

/** What a token replaced is looked up in each batch of a revocation of many tokens. */
export class Migration20261130034444 extends Migration {
  override name = 'Migration20261130034444'

  override up(): void | Promise<void> {
    this.addSql(`create index "oauth_access_tokens_successor_index" on "oauth_access_tokens" ("successor_id")
      where successor_id is not null;`)
  }

  override down(): void | Promise<void> {
    this.addSql('drop index "oauth_access_tokens_successor_index";')
  }
}

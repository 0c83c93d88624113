import { Migration } from '@mikro-orm/migrations'

/** For the history of a token on its page. */
export class Migration20261129233400 extends Migration {
  override name = 'Migration20261129233400'

  override up(): void | Promise<void> {
    this.addSql(`create index "audit_events_token_index" on "audit_events" ("token_id", "id")
      where token_id is not null;`)
  }

  override down(): void | Promise<void> {
    this.addSql('drop index "audit_events_token_index";')
  }
}

import { Migration } from '@mikro-orm/migrations'

/** RFC 9126 §6. */
export class Migration20261129112622 extends Migration {
  override name = 'Migration20261129112622'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_clients" add "require_pushed_requests" boolean not null default false;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "oauth_clients" drop column "require_pushed_requests";`)
  }
}

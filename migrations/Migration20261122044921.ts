import { Migration } from '@mikro-orm/migrations'

export class Migration20261122044921 extends Migration {
  override name = 'Migration20261122044921'

  override up(): void | Promise<void> {
    this.addSql(`alter table "oauth_auth_codes" drop column "redirect_uri_given";`)
  }

  override down(): void | Promise<void> {
    // Codes that wait for their redemption have it too.
    this.addSql(`alter table "oauth_auth_codes" add "redirect_uri_given" boolean not null default true;`)

    this.addSql(`alter table "oauth_auth_codes" alter column "redirect_uri_given" drop default;`)
  }
}

import { Migration } from '@mikro-orm/migrations'

/** Which clients an administrator verified, with a copy of their logos. */
export class Migration20261129224647 extends Migration {
  override name = 'Migration20261129224647'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_client_verifications" ("client_id" uuid not null, "print" varchar(64) not null, "logo" bytea null, "verified_at" timestamptz not null, primary key ("client_id"));`,
    )
    this.addSql(
      `alter table "oauth_client_verifications" add constraint "oauth_client_verifications_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on update cascade on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "oauth_client_verifications" cascade;`)
  }
}

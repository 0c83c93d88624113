import { Migration } from '@mikro-orm/migrations'

export class Migration20261129105227 extends Migration {
  override name = 'Migration20261129105227'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_remembered_consents" ("id" uuid not null, "consent_id" uuid not null, "audience" text not null, "scopes" jsonb not null, "client_print" varchar(64) not null, "updated_at" timestamptz not null, "expires_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(
      `alter table "oauth_remembered_consents" add constraint "oauth_remembered_consents_consent_audience_unique" unique ("consent_id", "audience");`,
    )

    this.addSql(
      `alter table "oauth_remembered_consents" add constraint "oauth_remembered_consents_consent_id_foreign" foreign key ("consent_id") references "oauth_consents" ("id") on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "oauth_remembered_consents" cascade;`)
  }
}

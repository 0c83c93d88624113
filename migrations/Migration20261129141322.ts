import { Migration } from '@mikro-orm/migrations'

/** Clients with a metadata document, blocked hosts, open registrations, and for how long a user allows access. */
export class Migration20261129141322 extends Migration {
  override name = 'Migration20261129141322'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_blocked_hosts" ("host" varchar(255) not null, "created_at" timestamptz not null, primary key ("host"));`,
    )
    // A client with a metadata document has no row before a user consents. Device codes end after some minutes anyway.
    this.addSql(`alter table "oauth_device_codes" drop constraint "oauth_device_codes_client_id_foreign";`)
    this.addSql(`alter table "oauth_device_codes" add "client_url" text null, add "access_until" timestamptz null;`)
    this.addSql(
      `alter table "oauth_clients" add "jwks_uri" text null, add "metadata_url" text null, add "metadata_failed_at" timestamptz null, add "host_blocked" boolean not null default false, add "application_type" varchar(16) null, add "expires_at" timestamptz null;`,
    )
    this.addSql(
      `alter table "oauth_clients" add constraint "oauth_clients_metadata_url_unique" unique ("metadata_url");`,
    )
    this.addSql(`create index "oauth_clients_expires_at_index" on "oauth_clients" ("expires_at");`)
    this.addSql(`alter table "oauth_auth_codes" add "access_until" timestamptz null;`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "oauth_blocked_hosts" cascade;`)
    this.addSql(`alter table "oauth_auth_codes" drop column "access_until";`)
    this.addSql(`alter table "oauth_clients" drop constraint "oauth_clients_metadata_url_unique";`)
    this.addSql(`drop index "oauth_clients_expires_at_index";`)
    this.addSql(
      `alter table "oauth_clients" drop column "jwks_uri", drop column "metadata_url", drop column "metadata_failed_at", drop column "host_blocked", drop column "application_type", drop column "expires_at";`,
    )
    this.addSql(`alter table "oauth_device_codes" drop column "client_url", drop column "access_until";`)
    // Of clients that have a row. The others cannot be redeemed by the earlier version.
    this.addSql(`delete from "oauth_device_codes" where "client_id" not in (select "id" from "oauth_clients");`)
    this.addSql(
      `alter table "oauth_device_codes" add constraint "oauth_device_codes_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )
  }
}

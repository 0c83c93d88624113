import { Migration } from '@mikro-orm/migrations'

export class Migration20261129151251 extends Migration {
  override name = 'Migration20261129151251'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "oauth_trusts" ("id" uuid not null, "name" varchar(255) not null, "issuer" text not null, "jwks_uri" text null, "audience" text not null, "match" jsonb not null, "pin" jsonb not null, "pinned" jsonb null, "user_id" uuid null, "client_id" uuid null, "scopes" jsonb not null, "lifetime" int not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`create index "oauth_trusts_user_id_index" on "oauth_trusts" ("user_id");`)
    this.addSql(`create index "oauth_trusts_client_id_index" on "oauth_trusts" ("client_id");`)
    this.addSql(`create index "oauth_trusts_issuer_index" on "oauth_trusts" ("issuer");`)

    this.addSql(
      `create table "oauth_trust_tokens" ("token_id" uuid not null, "trust_id" uuid not null, primary key ("token_id"));`,
    )
    this.addSql(`create index "oauth_trust_tokens_trust_id_index" on "oauth_trust_tokens" ("trust_id");`)

    this.addSql(
      `alter table "oauth_trusts" add constraint "oauth_trusts_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_trusts" add constraint "oauth_trusts_client_id_foreign" foreign key ("client_id") references "oauth_clients" ("id") on delete cascade;`,
    )

    this.addSql(
      `alter table "oauth_trust_tokens" add constraint "oauth_trust_tokens_token_id_foreign" foreign key ("token_id") references "oauth_access_tokens" ("id") on update cascade on delete cascade;`,
    )
    this.addSql(
      `alter table "oauth_trust_tokens" add constraint "oauth_trust_tokens_trust_id_foreign" foreign key ("trust_id") references "oauth_trusts" ("id") on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "oauth_trust_tokens" drop constraint "oauth_trust_tokens_trust_id_foreign";`)

    this.addSql(`drop table if exists "oauth_trusts" cascade;`)
    this.addSql(`drop table if exists "oauth_trust_tokens" cascade;`)
  }
}

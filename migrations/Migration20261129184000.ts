import { Migration } from '@mikro-orm/migrations'

/** Responses to requests with an Idempotency-Key. */
export class Migration20261129184000 extends Migration {
  override name = 'Migration20261129184000'

  override up(): void | Promise<void> {
    this.addSql(`create table "idempotency_keys" ("hash" bytea not null, "fingerprint" bytea not null, "response" text null,
      "locked_until" timestamptz not null, "expires_at" timestamptz not null, primary key ("hash"));`)
    this.addSql(`create index "idempotency_keys_expires_at_index" on "idempotency_keys" ("expires_at");`)
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table "idempotency_keys";`)
  }
}

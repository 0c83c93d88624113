import { Migration } from '@mikro-orm/migrations'

export class Migration20261129182800 extends Migration {
  override name = 'Migration20261129182800'

  override up(): void | Promise<void> {
    this.addSql(
      `create table "scim_groups" ("id" uuid not null, "display_name" varchar(255) not null, "name_key" varchar(255) not null, "external_id" varchar(255) null, "version" int not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    )
    this.addSql(`alter table "scim_groups" add constraint "scim_groups_name_key_unique" unique ("name_key");`)
    this.addSql(`alter table "scim_groups" add constraint "scim_groups_external_id_unique" unique ("external_id");`)

    this.addSql(
      `create table "scim_users" ("user_id" uuid not null, "name_key" varchar(255) not null, "external_id" varchar(255) null, "attributes" jsonb not null, "version" int not null, "deactivated_at" timestamptz null, "revoke_at" timestamptz null, "deleted_at" timestamptz null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("user_id"));`,
    )
    this.addSql(`alter table "scim_users" add constraint "scim_users_name_key_unique" unique ("name_key");`)
    this.addSql(`alter table "scim_users" add constraint "scim_users_external_id_unique" unique ("external_id");`)
    this.addSql(`create index "scim_users_revoke_at_index" on "scim_users" ("revoke_at");`)

    this.addSql(
      `create table "scim_members" ("group_id" uuid not null, "user_id" uuid not null, primary key ("group_id", "user_id"));`,
    )
    this.addSql(`create index "scim_members_user_id_index" on "scim_members" ("user_id");`)

    this.addSql(`alter table "users" add "allowed_scopes" jsonb null;`)

    this.addSql(
      `alter table "scim_users" add constraint "scim_users_user_id_foreign" foreign key ("user_id") references "users" ("id") on update cascade on delete cascade;`,
    )

    this.addSql(
      `alter table "scim_members" add constraint "scim_members_group_id_foreign" foreign key ("group_id") references "scim_groups" ("id") on update cascade on delete cascade;`,
    )
    this.addSql(
      `alter table "scim_members" add constraint "scim_members_user_id_foreign" foreign key ("user_id") references "scim_users" ("user_id") on update cascade on delete cascade;`,
    )
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "scim_members" drop constraint "scim_members_group_id_foreign";`)
    this.addSql(`alter table "scim_members" drop constraint "scim_members_user_id_foreign";`)

    this.addSql(`drop table if exists "scim_groups" cascade;`)
    this.addSql(`drop table if exists "scim_users" cascade;`)
    this.addSql(`drop table if exists "scim_members" cascade;`)

    this.addSql(`alter table "users" drop column "allowed_scopes";`)
  }
}

import { Migration } from '@mikro-orm/migrations'

/** The letters of src/users/look-alikes.ts, and the Latin ones that they look like. */
const LETTERS = 'аαɑЬƄсϲᴄԁеҽɡցһհіιıɩјϳкκӏǀոпоοσօрρԛզгѕꜱтτυսᴜѵνᴠԝաᴡхχуγүᴢ'
const LATIN = 'aaabbcccdeegghhiiiijjkkllnnooooppqqrssttuuuvvvwwwxxyyyz'

export class Migration20261129151500 extends Migration {
  override name = 'Migration20261129151500'

  override up(): void | Promise<void> {
    this.addSql('alter table "users" add "email_skeleton" varchar(254) null;')
    this.addSql(`update "users" set "email_skeleton" = translate("email", '${LETTERS}', '${LATIN}');`)
    this.addSql('create index "users_email_skeleton_index" on "users" ("email_skeleton");')
  }

  override down(): void | Promise<void> {
    this.addSql('alter table "users" drop column "email_skeleton";')
  }
}

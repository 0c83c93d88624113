import { Migration } from '@mikro-orm/migrations'

/** Names that earlier migrations gave to the versions of `issue_tokens` that they replaced. */
const REPLACED = ['before', 'unlimited', 'without_parents', 'without_imports']

/**
 * Drops replaced versions of `issue_tokens`. No node has ever called them by these names, so this is safe while nodes of the
 * previous version run. The migrations that renamed them cannot be reverted any more.
 */
export class Migration20261129151812 extends Migration {
  override name = 'Migration20261129151812'

  override up(): void | Promise<void> {
    for (const suffix of REPLACED) this.addSql(`drop function if exists issue_tokens_${suffix}(jsonb);`)
  }
}

import type { Em } from '../database/database.ts'
import { hasAdminScopeSql } from '../scopes/admin.ts'

/**
 * Marks tokens with `admin:*` scopes whose users are no longer administrators as changed, in the transaction of `em`.
 * @param column whether `ids` are ids of users or of tokens
 * @returns the ids of the tokens that were not marked before
 */
export async function markDemotedTokens(em: Em, column: 'user_id' | 'id', ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = (await em.execute(MARK_DEMOTED_TOKENS(column), [JSON.stringify(ids)])) as { id: string }[]
  return rows.map(({ id }) => id)
}

const MARK_DEMOTED_TOKENS = (column: string) => `
  update oauth_access_tokens t set changed = true from users u
  where u.id = t.user_id and t.${column} in (select jsonb_array_elements_text(?::jsonb)::uuid)
    and u.role <> 'admin' and not t.revoked and not t.changed
    and ${hasAdminScopeSql('t.scopes')}
  returning t.id`

import type { Em } from '../database/database.ts'
import { hasAdminScopeSql } from '../scopes/admin.ts'

/**
 * Marks tokens as changed that have scopes which their users may no longer have, in the transaction of `em`: `admin:*` of users
 * who are no longer administrators, and what the groups of a user do not allow.
 * @param column whether `ids` are ids of users or of tokens
 * @returns the ids of the tokens, also of those that were marked before, since resource servers may have introspected them
 */
export async function markDemotedTokens(em: Em, column: 'user_id' | 'id', ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = (await em.execute(MARK_DEMOTED_TOKENS(column), [JSON.stringify(ids)])) as { id: string }[]
  return rows.map(({ id }) => id)
}

const MARK_DEMOTED_TOKENS = (column: string) => `
  update oauth_access_tokens t set changed = true from users u
  where u.id = t.user_id and t.${column} in (select jsonb_array_elements_text(?::jsonb)::uuid)
    and not t.revoked
    and ((u.role <> 'admin' and ${hasAdminScopeSql('t.scopes')}) or not t.scopes <@ u.allowed_scopes)
  returning t.id`

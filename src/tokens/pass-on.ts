import type { Em } from '../database/database.ts'

const PASS_ON = `
  update oauth_access_tokens set issued_by_id = ?
  where issued_by_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not revoked`

/**
 * Moves the tokens that `from` issued to the token that replaces them, in the transaction of `em`. A rotation or refresh
 * revokes the old token but must not revoke what it issued. Tokens exchanged for the old token are still revoked with it.
 */
export async function passOn(em: Em, from: readonly string[], to: string): Promise<void> {
  await em.execute(PASS_ON, [to, JSON.stringify(from)])
}

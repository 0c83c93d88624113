import type { Em } from '../database/database.ts'

const PASS_ON = `
  update oauth_access_tokens set issued_by_id = ?
  where issued_by_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not revoked`

/**
 * Lets what tokens issued live on with the one that replaces them, in the transaction of `em`: a rotation and a refresh
 * revoke the old token, and mean nothing that it issued. What was exchanged for it ends with it all the same.
 */
export async function passOn(em: Em, from: readonly string[], to: string): Promise<void> {
  await em.execute(PASS_ON, [to, JSON.stringify(from)])
}

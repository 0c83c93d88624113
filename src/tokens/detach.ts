import type { Em } from '../database/database.ts'

const DETACH = `
  update oauth_access_tokens set user_id = null where user_id = ? and (revoked or expires_at <= now())`

/**
 * Takes the tokens that have ended from their user, in the transaction of `em`: whoever gets the id next sees neither their
 * names nor their history. The audit log still names the user.
 */
export const detachEndedTokens = async (em: Em, user: string): Promise<void> => void (await em.execute(DETACH, [user]))

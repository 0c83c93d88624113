import type { Database } from '../database/database.ts'
import type { FindProvisioned } from '../oidc/accounts.ts'

const FIND = 'select user_id as id from scim_users where external_id = ? and deleted_at is null'

export const createFindProvisioned =
  (db: Database): FindProvisioned =>
  async externalId =>
    (await db.query<{ id: string }>(FIND, [externalId]))[0]?.id

import type { Database } from '../database/database.ts'
import { hashSecret } from '../security/secrets.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { Grant, Params } from './grant.ts'
import type { FindRefreshHash } from './refresh-texts.ts'

/** Wraps a grant: the application that the user belongs to is asked first, outside the transaction that redeems the code. */
type ConfirmOwner = (grant: Grant, ownerSql: string, hashOf: (params: Params) => Promise<Buffer | undefined>) => Grant

const CODE = 'select u.subject from oauth_auth_codes r join users u on u.id = r.user_id where r.hash = ?'
const DEVICE = 'select u.subject from oauth_device_codes r join users u on u.id = r.user_id where r.hash = ?'
const REFRESH = 'select u.subject from oauth_refresh_tokens r join users u on u.id = r.user_id where r.hash = ?'

export interface ConfirmOwnerOptions {
  db: Database
  ownUsers: Pick<OwnUsers, 'asks' | 'confirm'>
  findRefreshHash: FindRefreshHash
}

/** @returns wrappers of the grants that a user gave. The grant answers 503 if the application does not answer */
export function createConfirmOwner({ db, ownUsers, findRefreshHash }: ConfirmOwnerOptions) {
  const wrap: ConfirmOwner = (grant, ownerSql, hashOf) => {
    if (!ownUsers.asks) return grant
    return async request => {
      const hash = await hashOf(request.params)
      const [owner] = hash ? await db.query<{ subject: string | null }>(ownerSql, [hash]) : []
      if (owner) await ownUsers.confirm(owner.subject)
      return grant(request)
    }
  }
  const hashed = async (text: string | undefined) => (text === undefined ? undefined : hashSecret(text))

  return {
    code: (grant: Grant) => wrap(grant, CODE, ({ code }) => hashed(code)),
    device: (grant: Grant) => wrap(grant, DEVICE, ({ device_code }) => hashed(device_code)),
    refresh: (grant: Grant) =>
      wrap(grant, REFRESH, async ({ refresh_token: text }) => (text === undefined ? undefined : findRefreshHash(text))),
  }
}

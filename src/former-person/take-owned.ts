import { type ClientRevocation, revokeClientsOf } from '../clients/revoke.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { Consent } from '../grants/consent.entity.ts'
import type { Mail } from '../mail/mail.ts'
import { leaveAccounts } from '../service-accounts/maintainers.ts'
import { removeTrustsOf } from '../trusts/remove.ts'

/**
 * Takes from a user what is not revoked as tokens are, in the transaction of `em`: service accounts are left, apps revoked,
 * trusts and consents removed. For an id that is another person's now, who must not inherit them. Call it before anything locks
 * the user, since service accounts are locked before people.
 */
export type TakeOwned = (em: Em, publish: Publish, user: string) => Promise<void>

export interface TakeOwnedOptions {
  mail: Mail
  revocation: Pick<ClientRevocation, 'revokeIssued'>
}

export function createTakeOwned({ mail, revocation }: TakeOwnedOptions): TakeOwned {
  return async (em, publish, user) => {
    await leaveAccounts(em, mail, user)
    // Whoever registers an app at the same time holds this lock, and has committed it, or waits and then may not.
    await em.execute('select from users where id = ? for no key update', [user])
    await revokeClientsOf({ em, publish, revocation }, user)
    await removeTrustsOf(em, user)
    await em.nativeDelete(Consent, { user })
  }
}

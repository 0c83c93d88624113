import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { invalid, notFound } from '../errors/errors.ts'
import type { Mail } from '../mail/mail.ts'
import { isUuid } from '../text/uuid.ts'
import { Maintainer } from '../users/maintainer.entity.ts'
import { isEnabled, lockAccount, lockAccountsOf, maintainersOf, onlyMaintainer } from '../users/maintainers.ts'
import { tellOfLeftAccounts } from '../users/tell-administrators.ts'
import type { Account } from './read.ts'

/** Changes who looks after a service account. */
export interface Maintainers {
  /** @throws 404; 422 if there is no such enabled person */
  addMaintainer(id: string, userId: string, path?: string): Promise<Account>
  /** @throws 404 if the person does not look after it; 409 for the last enabled one */
  removeMaintainer(id: string, userId: string): Promise<Account>
}

export function createMaintainers(bus: InvalidationBus, find: (id: string) => Promise<Account>): Maintainers {
  return {
    async addMaintainer(id, userId, path = 'user_id') {
      const account = await find(id)
      await bus.transaction(async em => {
        await lockAccount(em, account.id)
        if (account.maintainers.some(person => person.id === userId.toLowerCase())) return
        await insertMaintainer(em, account.id, userId, path)
        writeAudit(em, { kind: 'maintainer.added', userId: account.id, details: { maintainer: userId } })
      })
      return find(id)
    },

    async removeMaintainer(id, userId) {
      const account = await find(id)
      await bus.transaction(async em => {
        await lockAccount(em, account.id)
        const where = { account: account.id, user: userId }
        if (!isUuid(userId) || (await em.nativeDelete(Maintainer, where)) === 0) throw notFound('maintainer')
        if ((await maintainersOf(em, account.id)).length === 0) throw onlyMaintainer([account])
        writeAudit(em, { kind: 'maintainer.removed', userId: account.id, details: { maintainer: userId } })
      })
      return find(id)
    },
  }
}

/**
 * The person looks after no account any more, also as the only one who does; administrators are told of that. In the transaction
 * of `em`, before the person is locked.
 */
export async function leaveAccounts(em: Em, mail: Mail, user: string): Promise<void> {
  const left = await lockAccountsOf(em, user)
  // Of a person who is disabled they were told when that happened.
  if (await isEnabled(em, user)) await tellOfLeftAccounts(em, mail, left, user)
  const accounts = await em.find(Maintainer, { user })
  await em.nativeDelete(Maintainer, { user })
  for (const { account } of accounts)
    writeAudit(em, { kind: 'maintainer.removed', userId: account, details: { maintainer: user } })
}

/** @throws 422 if there is no such enabled person */
export async function insertMaintainer(em: Em, account: string, user: string, path: string): Promise<void> {
  // Locked, so that disabling the person waits and then sees the account.
  const found = isUuid(user) ? ((await em.execute(PERSON, [user])) as unknown[]) : []
  if (found.length === 0) throw invalid({ path, message: 'is not the id of an enabled user' })
  await em.execute(INSERT_MAINTAINER, [account, user, new Date()])
}

const PERSON = `select id from users where id = ? and kind = 'person' and disabled_at is null for share`
const INSERT_MAINTAINER = `
  insert into service_account_maintainers (account_id, user_id, created_at) values (?, ?, ?) on conflict do nothing`

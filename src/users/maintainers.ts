import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'

const ENABLED = `
  select m.account_id from service_account_maintainers m join users u on u.id = m.user_id
  where m.account_id = a.id and u.disabled_at is null`

const LOCK_OF_USER = `
  select a.id from users a
  where a.id in (select account_id from service_account_maintainers where user_id = ?) order by a.id for no key update`

const WITHOUT_OTHERS = `
  select a.id, a.name from users a
  where a.id in (select account_id from service_account_maintainers where user_id = ?)
    and not exists (${ENABLED} and u.id <> ?)
  order by a.id`

interface Account {
  id: string
  name: string
}

/**
 * Locks a service account until the transaction of `em` ends. Changes of its maintainers wait for each other, and for
 * whoever issues a token of the account.
 */
export async function lockAccount(em: Em, id: string): Promise<void> {
  await em.execute(`select id from users where id = ? and kind = 'service' for no key update`, [id])
}

/**
 * Locks the service accounts of a person who leaves until the transaction of `em` ends, in the order of their ids, so that the
 * second of two who leave at once sees that the first one has left. Call it before the person is locked.
 * @returns the accounts without another enabled maintainer
 */
export async function lockAccountsOf(em: Em, userId: string): Promise<Account[]> {
  await em.execute(LOCK_OF_USER, [userId])
  return accountsOnlyOf(em, userId)
}

/** The service accounts without another enabled maintainer than this person. */
export async function accountsOnlyOf(em: Em, userId: string): Promise<Account[]> {
  return (await em.execute(WITHOUT_OTHERS, [userId, userId])) as Account[]
}

/** Details of the audit entry of a person who left. Administrators look after the accounts that it names. */
export const leftAccounts = (accounts: readonly Account[]) =>
  accounts.length > 0 ? { accounts_without_maintainer: accounts.map(({ id }) => id) } : {}

/** @param accounts that would have nobody who looks after them */
export const onlyMaintainer = (accounts: readonly Account[]) =>
  conflict(
    `Nobody else looks after the service ${accounts.length === 1 ? 'account' : 'accounts'} ` +
      `${accounts.map(({ id, name }) => `${name} (${id})`).join(', ')}. ` +
      'Add another maintainer first: PUT /admin/service-accounts/{id}/maintainers/{user_id}, or the page of the account.',
  )

const IS_MAINTAINER = `
  select m.account_id from service_account_maintainers m join users u on u.id = m.user_id
  where m.account_id = ? and m.user_id = ? and u.disabled_at is null`

/** Whether an enabled person looks after an account. In a transaction, call it after `lockAccount`. */
export async function isMaintainer(em: Em, accountId: string, userId: string): Promise<boolean> {
  return ((await em.execute(IS_MAINTAINER, [accountId, userId])) as unknown[]).length > 0
}

/** Whether a user exists and is enabled. */
export async function isEnabled(em: Em, id: string): Promise<boolean> {
  return ((await em.execute('select id from users where id = ? and disabled_at is null', [id])) as unknown[]).length > 0
}

const OF_ACCOUNT = `
  select m.user_id from service_account_maintainers m join users u on u.id = m.user_id
  where m.account_id = ? and u.disabled_at is null order by m.user_id`

/** The ids of the enabled people who look after an account. */
export async function maintainersOf(em: Em, accountId: string): Promise<string[]> {
  const rows = (await em.execute(OF_ACCOUNT, [accountId])) as { user_id: string }[]
  return rows.map(row => row.user_id)
}

import type { OwnUsers } from '../users/own-users.ts'
import type { TokenRecord } from './token-record.ts'

/** Asks an application about its users. */
export type ConfirmUsers = Pick<OwnUsers, 'confirm' | 'confirmedUntil'>

/** Whether the application that a token's user belongs to must be asked before the token is used. */
export const needsConfirmation = ({ confirmedUntil }: ConfirmUsers, record: TokenRecord): boolean =>
  confirmedUntil(record.subject) <= Date.now()

/**
 * Reads again what was found, once the application has confirmed its user: what it says may change the record.
 * @param record undefined: nothing that belongs to a user was found
 * @throws 503 if the application does not answer
 */
async function readConfirmed<T>(
  ownUsers: ConfirmUsers,
  found: T,
  record: TokenRecord | undefined,
  read: () => T | Promise<T>,
): Promise<T> {
  if (!record || !needsConfirmation(ownUsers, record)) return found
  await ownUsers.confirm(record.subject)
  return read()
}

type Found<T> = T | undefined

/** Reads a record whose user the application has confirmed in the last seconds. @throws 503 if it does not answer */
export async function confirmed(
  ownUsers: ConfirmUsers,
  read: () => Promise<Found<TokenRecord>>,
): Promise<Found<TokenRecord>> {
  const record = await read()
  return readConfirmed(ownUsers, record, record, read)
}

/** As `confirmed`, for what was found by a text of another system. */
export async function confirmedImported<T extends { record: Found<TokenRecord> }>(
  ownUsers: ConfirmUsers,
  read: () => Promise<Found<T>>,
): Promise<Found<T>> {
  const found = await read()
  return readConfirmed(ownUsers, found, found?.record, read)
}

/** Wraps a look-up of tokens: it answers only about users whom the application has confirmed in the last seconds. */
export function confirmedInspect<T extends { record: TokenRecord }>(
  ownUsers: ConfirmUsers,
  inspect: (text: string) => Found<T> | Promise<Found<T>>,
): (text: string) => Found<T> | Promise<Found<T>> {
  return text => {
    const read = () => inspect(text)
    const found = read()
    const again = (inspected: Found<T>) => readConfirmed<Found<T>>(ownUsers, inspected, inspected?.record, read)
    if (found instanceof Promise) return found.then(again)
    // Synchronous where nobody is asked, which is nearly always.
    return found && needsConfirmation(ownUsers, found.record) ? again(found) : found
  }
}

import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import type { Em } from '../database/database.ts'
import { PosternError } from '../errors/errors.ts'
import { assertEmailFree } from '../users/change-user.ts'
import { validateEmail } from '../users/emails.ts'
import { notUnique, scimError } from './errors.ts'
import { type Profile, validated } from './profile.ts'
import type { Resource } from './values.ts'

/** In place of an address that is missing. No mail can be sent to it (RFC 2606). */
export const noAddress = (id: string): string => `${id}@no-address.invalid`
export const isNoAddress = (email: string): boolean => email.endsWith('@no-address.invalid')

/** The columns of a user of the directory. @throws 400 `invalidValue` */
export function toColumns({ active: _, externalId, ...attributes }: Resource, { nameKey }: Profile) {
  if (typeof externalId === 'string' && externalId.length > 255) {
    throw scimError('invalidValue', 'externalId must have at most 255 characters.')
  }
  return { attributes, nameKey, externalId: (externalId as string | undefined) ?? null }
}

/** A `userName` that is an address must not be that of another user. @throws 422 */
export async function assertUserNameFree(em: Em, userName: string, id: string): Promise<void> {
  await assertEmailFree(
    em,
    validated(() => validateEmail(userName)),
    id,
  )
}

/** @throws 409 `uniqueness` for a taken name, address or external id */
export function throwNotUnique(error: unknown): never {
  const isTaken = error instanceof PosternError && error.status === 422
  if (!isTaken && !(error instanceof UniqueConstraintViolationException)) throw error
  throw notUnique('Another user has the userName, the externalId or the e-mail address, or one that looks like it.')
}

import type { RequiredEntityData } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { PosternError } from '../errors/errors.ts'
import { validateName } from '../text/name.ts'
import { isUuid } from '../text/uuid.ts'
import { emailTaken } from './change-user.ts'
import { emailForms, normalizeEmail, validateEmail } from './emails.ts'
import { findFreeEmails } from './free-emails.ts'
import { skeletonOf } from './look-alikes.ts'
import { User } from './user.entity.ts'

/** A user of another system. */
export interface ImportedUser {
  email: string
  name: string
  /** A hash by bcrypt or argon2, which the first sign-in replaces. */
  passwordHash: string
  /** When the other system confirmed the address; null: it did not. */
  emailConfirmedAt: Date | null
  createdAt: Date
}

/**
 * Finds the users with these e-mail addresses by one query.
 * @returns a function that finds the user of one of them, in any of its spellings
 */
export async function findUsersByEmail(
  em: Em,
  emails: readonly string[],
): Promise<(email: string) => User | undefined> {
  const forms = [...new Set(emails.flatMap(emailForms))]
  const found = forms.length === 0 ? [] : await em.find(User, { email: { $in: forms }, kind: 'person' })
  const byEmail = new Map(found.map(user => [user.email, user]))
  return email =>
    emailForms(email)
      .map(form => byEmail.get(form))
      .find(user => user !== undefined)
}

export const findUserById = async (em: Em, id: string): Promise<User | undefined> =>
  isUuid(id) ? ((await em.findOne(User, { id, kind: 'person' })) ?? undefined) : undefined

/** Creates the users of a batch. */
export interface UserImporter {
  /** The password need not satisfy the rules for new ones. @returns the user, or the reason why there cannot be such a user */
  create(input: ImportedUser): Pick<User, 'id'> | string
  /** Inserts them, with an audit entry for each. */
  insert(): Promise<void>
}

/**
 * Prepares to create users with the role `user` in the transaction of `em`.
 * @param emails the addresses that they may have, in any spelling
 * @param source named in the audit entries
 */
export async function createUserImporter(em: Em, emails: readonly string[], source: string): Promise<UserImporter> {
  const { isFree, take } = await findFreeEmails(em, emails.map(normalizeEmail))
  const rows: (RequiredEntityData<User> & { id: string })[] = []
  return {
    create: input =>
      reasonOr(() => {
        const email = validateEmail(input.email)
        const name = nameOf(input.name) ?? email
        if (!isFree(email)) throw emailTaken()
        take(email)
        const { passwordHash, emailConfirmedAt, createdAt } = input
        const row = {
          ...NEW,
          id: newId(),
          email,
          emailSkeleton: skeletonOf(email),
          emailConfirmedAt,
          name,
          passwordHash,
        }
        rows.push({ ...row, createdAt, updatedAt: new Date() })
        return { id: row.id }
      }),
    async insert() {
      if (rows.length === 0) return
      await em.insertMany(User, rows)
      for (const { id } of rows) writeAudit(em, { kind: 'user.created', userId: id, details: { role: 'user', source } })
    },
  }
}

const NEW = { mustChangePassword: false, role: 'user', disabledAt: null, unlockedAt: null } as const

function reasonOr<T>(work: () => T): T | string {
  try {
    return work()
  } catch (error) {
    if (error instanceof PosternError && error.status === 422) return `its e-mail address ${messageOf(error)}`
    throw error
  }
}

const messageOf = ({ extra }: PosternError) => (extra.errors as { message: string }[])[0]?.message ?? 'is not valid'

/** The e-mail address stands for a name that cannot be displayed. */
function nameOf(name: string): string | undefined {
  try {
    return validateName(name)
  } catch {
    return undefined
  }
}

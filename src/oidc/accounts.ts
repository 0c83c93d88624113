import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import type { OidcProvider } from '../config/oidc.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { PosternError } from '../errors/errors.ts'
import { validateName } from '../text/name.ts'
import { isEmailFree } from '../users/change-user.ts'
import { emailForms, validateEmail } from '../users/emails.ts'
import { insertUser } from '../users/insert-user.ts'
import { unusableHash } from '../users/passwords.ts'
import type { Role } from '../users/user.entity.ts'
import { User } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import { type Person, SignInRefused } from './claims.ts'
import { Identity } from './identity.entity.ts'

/**
 * Finds the user of a person at a provider, or creates one, and takes over what the provider says.
 * @throws SignInRefused for a disabled user, and where the deployment does not create users
 */
export type ResolvePerson = (person: Person, provider: OidcProvider) => Promise<User>

const NO_ACCOUNT = 'There is no account for you yet. Ask an administrator to create one.'

/** The id of the user whom a directory knows by this external id. */
export type FindProvisioned = (externalId: string) => Promise<string | undefined>

export function createResolvePerson(db: Database, users: Users, findProvisioned: FindProvisioned): ResolvePerson {
  const known = ({ subject }: Person, { issuer }: OidcProvider) =>
    db.run(async em => {
      const identity = await em.findOne(Identity, { issuer, subject })
      return identity ? em.findOneOrFail(User, { id: identity.user }) : undefined
    })

  async function add(person: Person, provider: OidcProvider): Promise<User> {
    const linked = (await findInDirectory(person, provider)) ?? (await findLinkable(person, provider))
    if (!linked && provider.provision === 'existing') throw new SignInRefused(NO_ACCOUNT)
    const passwordHash = await unusableHash()
    return db.transaction(async em => {
      const user = linked ?? (await insertPerson(em, person, provider, passwordHash))
      const now = new Date()
      await em.insert(Identity, {
        issuer: provider.issuer,
        subject: person.subject,
        user: user.id,
        createdAt: now,
        lastSignInAt: now,
      })
      return user
    })
  }

  /** The user whom the directory created for this person. */
  async function findInDirectory({ externalId }: Person, { issuer }: OidcProvider): Promise<User | undefined> {
    const id = externalId === undefined ? undefined : await findProvisioned(externalId)
    return id === undefined ? undefined : unlessKnown(await users.find(id), issuer)
  }

  /** A user who has the same address, which both sides have verified. */
  async function findLinkable({ email }: Person, { link, issuer }: OidcProvider): Promise<User | undefined> {
    if (link !== 'verified_email' || email === undefined) return undefined
    const user = await users.findByEmail(email)
    return user?.emailConfirmedAt ? unlessKnown(user, issuer) : undefined
  }

  /** Who is known by another subject already is another person there, such as one who got a colleague's former address. */
  async function unlessKnown(user: User, issuer: string): Promise<User | undefined> {
    const other = await db.run(em => em.count(Identity, { user: user.id, issuer }))
    return other === 0 ? user : undefined
  }

  /** Name, address and role as the provider has them. A taken address, and the last administrator, stay as they are. */
  async function refresh(user: User, { name, email, isAdmin }: Person): Promise<User> {
    const role: Role | undefined = isAdmin === undefined ? undefined : isAdmin ? 'admin' : 'user'
    const changes = [
      ...(name && name !== user.name ? [{ name }] : []),
      ...(email && !emailForms(email).includes(user.email ?? '') ? [{ email }] : []),
      ...(role && role !== user.role ? [{ role }] : []),
    ]
    let current = user
    for (const change of changes) {
      current = await users.update(user.id, change).catch(error => {
        if (error instanceof PosternError && [409, 422].includes(error.status)) return current
        throw error
      })
    }
    return current
  }

  return async (person, provider) => {
    const found =
      (await known(person, provider)) ??
      (await add(person, provider).catch(async error => {
        if (!isConflict(error)) throw error
        // Another request created the user, or took the address, at the same time.
        return (await known(person, provider)) ?? add(person, provider)
      }))
    if (found.disabledAt) throw new SignInRefused('Your account is disabled. Ask an administrator.')
    const where = { issuer: provider.issuer, subject: person.subject }
    await db.run(em => em.nativeUpdate(Identity, where, { lastSignInAt: new Date() }))
    return refresh(found, person)
  }
}

async function insertPerson(em: Em, person: Person, provider: OidcProvider, passwordHash: string): Promise<User> {
  const { email, confirmed } = await addressFor(em, person)
  const row = {
    email,
    emailConfirmedAt: confirmed ? new Date() : null,
    name: nameOf(person) ?? (confirmed ? email : person.subject),
    role: person.isAdmin ? ('admin' as const) : ('user' as const),
    passwordHash,
    hasPassword: false,
    mustChangePassword: false,
  }
  return insertUser(em, row, { provider: provider.issuer })
}

const isConflict = (error: unknown): boolean =>
  error instanceof UniqueConstraintViolationException || (error instanceof PosternError && error.status === 422)

/** @returns undefined for a name that is missing or that could not be shown */
function nameOf({ name }: Person): string | undefined {
  try {
    return name === undefined ? undefined : validateName(name)
  } catch {
    return undefined
  }
}

/** An address that is missing or belongs to another user is replaced by one that no mail can be sent to. */
async function addressFor(em: Em, { email }: Person): Promise<{ email: string; confirmed: boolean }> {
  try {
    const address = email && validateEmail(email)
    if (address && (await isEmailFree(em, address))) return { email: address, confirmed: true }
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
  }
  return { email: `${newId()}@no-address.invalid`, confirmed: false }
}

import type { Database, Em } from '../database/database.ts'
import { linkExpired } from '../errors/errors.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { User } from './user.entity.ts'
import { type LinkPurpose, UserLink } from './user-link.entity.ts'

/** Seconds that a link is valid. */
const LIFETIME: Record<LinkPurpose, number> = { reset: 3_600, email: 3_600, invitation: 7 * 86_400 }

/** Links that let their reader do one thing, once. */
export interface Links {
  /**
   * @param email the address that the link is sent to
   * @returns the secret of the link, 256 random bits; the database stores its hash
   */
  create(userId: string, purpose: LinkPurpose, email: string): Promise<{ secret: string; expiresAt: Date }>
  /** Finds the user of a valid link. It stays valid: programs that check mails open links too. */
  find(secret: string, purposes: readonly LinkPurpose[]): Promise<ValidLink | undefined>
}

export interface ValidLink {
  user: User
  link: UserLink
}

export function createLinks(db: Database): Links {
  return {
    async create(userId, purpose, email) {
      const secret = newSecret()
      const createdAt = new Date()
      const expiresAt = new Date(createdAt.getTime() + LIFETIME[purpose] * 1000)
      const row = { hash: hashSecret(secret), user: userId, purpose, email, createdAt, expiresAt }
      await db.transaction(em => em.insert(UserLink, row))
      return { secret, expiresAt }
    },
    find: (secret, purposes) => db.run(em => findIn(em, secret, purposes)),
  }
}

async function findIn(em: Em, secret: string, purposes: readonly LinkPurpose[]): Promise<ValidLink | undefined> {
  const where = { hash: hashSecret(secret), purpose: { $in: [...purposes] }, expiresAt: { $gt: new Date() } }
  const link = await em.findOne(UserLink, where)
  const user = link && (await em.findOne(User, { id: link.user }))
  if (!link || !user || user.disabledAt || user.kind === 'service') return undefined
  // An invitation is for who has no way to sign in yet.
  if (link.purpose === 'invitation' && user.hasPassword) return undefined
  // Whoever reads the mails of a former address has no right to the account any more.
  return link.purpose === 'email' || link.email === user.email ? { user, link } : undefined
}

/**
 * Uses a link up in the transaction of `em`, and with it all links of the user for the same purposes.
 * @throws 410 if it has been used, has expired or never existed
 */
export async function consumeLink(em: Em, secret: string, purposes: readonly LinkPurpose[]): Promise<ValidLink> {
  const found = await findIn(em, secret, purposes)
  // Of two that arrive at once, one deletes the row.
  if (!found || (await em.nativeDelete(UserLink, { hash: found.link.hash })) === 0) throw linkExpired()
  await em.nativeDelete(UserLink, { user: found.user.id, purpose: { $in: [...purposes] } })
  return found
}

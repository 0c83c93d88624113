import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { conflict, linkExpired, notFound } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import type { Peer } from '../http/forwarded.ts'
import type { Mail } from '../mail/mail.ts'
import type { ChangeUser } from './change-user.ts'
import { normalizeEmail, validateEmail } from './emails.ts'
import { consumeLink, type Links } from './links.ts'
import { localUser } from './local-user.ts'
import { linkUrl } from './messages.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import { type NewUser, newPassword, type Users } from './users.ts'

/** An invitation: sent by mail, or a link that the administrator passes on. */
export type Invitation = { user: User; sent: true } | { user: User; sent: false; url: string; expiresAt: Date }

/** What users do by links: choose a password, and confirm an e-mail address. */
export interface AccountMail {
  /** Sends a link to choose a new password, if there is such a user. The time does not depend on that. */
  requestReset(address: string): Promise<void>
  /** Creates a user who chooses a password by a link. @throws 422 as `users.create` does */
  invite(input: Omit<NewUser, 'password'>): Promise<Invitation>
  /** Invites a user again. @throws 409 if the user has chosen a password or is disabled */
  inviteAgain(user: User): Promise<Invitation>
  /** The user of a link that sets a password. @throws 410 */
  userOf(secret: string): Promise<User>
  /** Sets the password by a link, which is used up, and ends all sessions. @throws 410; 422 for a weak password */
  choosePassword(secret: string, password: string): Promise<User>
  /**
   * Changes the user's own name and address. With mail, a new address has to be confirmed by a link first; whether it is
   * taken is told to its owner only.
   * @param peer the address of the request
   * @returns whether a link was sent, so the address is the same for now
   * @throws 422 for an invalid address or name; without mail, also for a taken address; 429 after too many changes or mails
   */
  changeProfile(
    userId: string,
    change: ProfileChange,
    peer: Peer,
    precondition?: Precondition<User>,
  ): Promise<{ user: User; sent: boolean }>
  /** Confirms the address of a link. @throws 410; 422 if somebody else has it by now */
  confirmEmail(userId: string, secret: string): Promise<User>
}

export interface ProfileChange {
  name?: string | undefined
  email?: string | undefined
}

const PASSWORD_PURPOSES = ['reset', 'invitation'] as const

export interface AccountMailOptions {
  db: Database
  users: Users
  links: Links
  throttle: Throttle
  mail: Mail
  changeUser: ChangeUser
  config: Pick<Config, 'issuer'>
}

export function createAccountMail(options: AccountMailOptions): AccountMail {
  const { db, users, links, mail, changeUser, throttle, config } = options

  async function send(user: User): Promise<Invitation> {
    if (mail.enabled) {
      await db.transaction(em => mail.enqueue(em, 'invitation', { user: user.id }))
      return { user, sent: true }
    }
    const { secret, expiresAt } = await links.create(user.id, 'invitation', localUser(user).email)
    return { user, sent: false, url: linkUrl(config.issuer, 'invitation', secret), expiresAt }
  }

  return {
    requestReset: address =>
      // Whether there is such a user is looked up when the mail is sent.
      db.transaction(em => mail.enqueue(em, 'password_reset', { address: normalizeEmail(address) })),
    async invite(input) {
      return send(await users.create(input))
    },
    async inviteAgain(user) {
      const { email } = localUser(user)
      if (user.kind === 'service') throw notFound('user')
      if (user.disabledAt) throw conflict(`${email} is disabled.`)
      if (user.hasPassword) throw conflict(`${email} has chosen a password already.`)
      return send(user)
    },
    async userOf(secret) {
      const found = await links.find(secret, PASSWORD_PURPOSES)
      if (!found) throw linkExpired()
      return found.user
    },
    async choosePassword(secret, password) {
      const found = await links.find(secret, PASSWORD_PURPOSES)
      if (!found) throw linkExpired()
      const user = localUser(found.user)
      const values = { ...(await newPassword(password, user)), emailConfirmedAt: user.emailConfirmedAt ?? new Date() }
      return changeUser(user.id, { 'user.password_changed': values }, async em => {
        await consumeLink(em, secret, PASSWORD_PURPOSES)
      })
    },
    async changeProfile(userId, { name, email }, peer, precondition) {
      const current = localUser(await users.find(userId))
      const isSame = email === undefined || normalizeEmail(email) === current.email
      if (!mail.enabled) {
        // An invalid address is rejected without a look at those of others, so it does not count.
        if (!isSame && validateEmail(email)) await throttle.limitEmailChange(userId)
        const change = isSame ? { name } : { name, email, emailConfirmed: false }
        return { user: await users.update(userId, change, precondition), sent: false }
      }
      if (isSame && (email === undefined || current.emailConfirmedAt)) {
        return { user: await users.update(userId, { name }, precondition), sent: false }
      }
      const address = validateEmail(email)
      if (name === undefined) precondition?.(current)
      const user = name === undefined ? current : await users.update(userId, { name }, precondition)
      if (await throttle.limitMails('confirmation', peer, address)) {
        await db.transaction(em => mail.enqueue(em, 'email_confirmation', { user: userId, email: address }))
      }
      return { user, sent: true }
    },
    async confirmEmail(userId, secret) {
      const found = await links.find(secret, ['email'])
      if (found?.user.id !== userId) throw linkExpired()
      const values = { email: found.link.email, emailConfirmedAt: new Date() }
      return changeUser(userId, { 'user.changed': values }, async em => {
        await consumeLink(em, secret, ['email'])
      })
    },
  }
}

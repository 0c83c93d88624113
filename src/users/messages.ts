import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Compose, MailKind, MailKinds } from '../mail/kinds.ts'
import type { Message } from '../mail/message.ts'
import { type MailTexts, mailTextsIn } from '../mail/texts.ts'
import { DEFAULT_LANGUAGE } from '../text/language.ts'
import { isEmailFree } from './change-user.ts'
import { findByEmailIn } from './find-by-email.ts'
import type { Links } from './links.ts'
import { mayUsePassword } from './password-policy.ts'
import { User } from './user.entity.ts'
import type { LinkPurpose } from './user-link.entity.ts'

/** Paths of the pages that links in mails open, below the issuer. */
export const LINK_PATHS: Record<LinkPurpose, string> = {
  reset: '/reset-password',
  invitation: '/reset-password',
  email: '/confirm-email',
}

export const linkUrl = (issuer: string, purpose: LinkPurpose, secret: string): string =>
  `${issuer}${LINK_PATHS[purpose]}?link=${secret}`

type Composers = { [K in MailKind]: (params: MailKinds[K]) => Promise<Message | undefined> }

export interface MessagesOptions {
  db: Database
  links: Links
  config: Pick<Config, 'issuer' | 'brandName' | 'passwords'>
}

/** Writes mails to users. Disabled users and addresses that are not known get none. */
export function createCompose({ db, links, config }: MessagesOptions): Compose {
  const { issuer } = config
  const write = createWrite(config.brandName)

  const find = async (id: string) => (await db.run(em => em.findOne(User, { id, disabledAt: null }))) ?? undefined

  async function withLink(user: User, purpose: LinkPurpose, email: string, kind: LinkKind): Promise<Message> {
    const text = mailTextsIn(user.language)[kind]
    const { secret } = await links.create(user.id, purpose, email)
    const action = { label: text.action, url: linkUrl(issuer, purpose, secret) }
    // The name is what the user typed: it is not sent to an address that may be somebody else's.
    const recipient = { user, to: email, greeted: purpose !== 'email' }
    return write(recipient, { subject: text.subject, paragraphs: [text.lead], action, after: [text.after] })
  }

  /** A message to the confirmed address of a user: a mail to any other would tell a stranger about the account. */
  async function toOwner(
    id: string,
    textOf: (texts: MailTexts) => NoticeText,
    values: Record<string, string> = {},
  ): Promise<Message | undefined> {
    const user = await find(id)
    if (!user?.emailConfirmedAt || user.email === null) return undefined
    const texts = mailTextsIn(user.language)
    const { subject, lead, details = [], notYou = texts.notYou } = textOf(texts)
    return write({ user, to: user.email }, { subject, paragraphs: [lead, ...details], after: [notYou] }, values)
  }

  const composers: Composers = {
    async password_reset({ address }) {
      const user = await db.run(em => findByEmailIn(em, address))
      if (!user?.emailConfirmedAt || user.disabledAt || !mayUsePassword(user, config.passwords)) return undefined
      return withLink(user, 'reset', user.email, 'password_reset')
    },
    async invitation({ user: id }) {
      const user = await find(id)
      if (!user || user.email === null) return undefined
      return withLink(user, 'invitation', user.email, 'invitation')
    },
    async email_confirmation({ user: id, email }) {
      const user = await find(id)
      if (!user) return undefined
      if (await db.run(em => isEmailFree(em, email, id))) {
        return withLink(user, 'email', email, 'email_confirmation')
      }
      const owner = await db.run(em => findByEmailIn(em, email))
      const { subject, lead } = mailTextsIn(owner?.language).email_confirmation.taken
      return write({ user: owner, to: email, greeted: false }, { subject, paragraphs: [lead] })
    },
    async email_changed({ user: id, before }) {
      const user = await find(id)
      const { subject, lead, notYou } = mailTextsIn(user?.language).email_changed
      return write({ user, to: before }, { subject, paragraphs: [lead], after: [notYou] })
    },
    password_changed: ({ user }) => toOwner(user, texts => texts.password_changed),
    new_device: ({ user, device, address }) =>
      toOwner(user, ({ new_device: text }) => ({ ...text, details: [text.device, text.address] }), { device, address }),
    token_handed_over: ({ user, name, account = '' }) =>
      toOwner(
        user,
        ({ token_handed_over: { lead, ofAccount, ...text } }) => ({ ...text, lead: account ? ofAccount : lead }),
        { token: name, account },
      ),
    factors_changed: ({ user, change }) => toOwner(user, texts => texts.factors_changed[change]),
    accounts_left: ({ user, accounts }) =>
      toOwner(user, texts => texts.accounts_left, { accounts: accounts.join(', ') }),
    wrong_codes: ({ user, count }) => toOwner(user, texts => texts.wrong_codes, { count: String(count) }),
    reserved_token: ({ user, name, scopes }) =>
      toOwner(user, texts => texts.reserved_token, { token: name, scopes: scopes.join(', ') }),
  }
  return (kind, params) => composers[kind](params)
}

/**
 * Writes mails in the language of whoever gets them.
 * @param user who gets it, in the user's language
 * @param greeted whether it begins with the user's name
 * @param values for the placeholders, in addition to the site and the user's name
 */
const createWrite =
  (site: string) =>
  ({ user, to, greeted = true }: Recipient, text: Text, values: Record<string, string> = {}): Message => {
    const fill = (line: string) => fillIn(line, { site, ...values })
    const language = user?.language ?? DEFAULT_LANGUAGE
    const greeting = user && greeted ? [fillIn(mailTextsIn(language).greeting, { name: user.name })] : []
    const { subject, paragraphs, action, after = [] } = text
    return {
      to,
      language,
      subject: fill(subject),
      paragraphs: [...greeting, ...paragraphs.map(fill)],
      ...(action && { action: { ...action, label: fill(action.label) } }),
      after: after.map(fill),
    }
  }

interface Text {
  subject: string
  paragraphs: readonly string[]
  action?: { label: string; url: string }
  after?: readonly string[]
}
type LinkKind = 'password_reset' | 'invitation' | 'email_confirmation'
interface Recipient {
  user: User | undefined
  to: string
  greeted?: boolean
}
interface NoticeText {
  subject: string
  lead: string
  details?: readonly string[]
  notYou?: string
}

/** Values are not searched for placeholders. Control characters in them, such as a newline, cannot add lines. */
const fillIn = (line: string, values: Record<string, string>): string =>
  line.replace(/\{(\w+)\}/g, (_, name: string) => (values[name] ?? '').replace(/\p{Cc}+/gu, ' '))

import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import type { Log } from '../errors/log.ts'
import { createDelivery } from './delivery.ts'
import type { Compose, MailKind, MailKinds } from './kinds.ts'
import { OutboxMail } from './outbox.entity.ts'
import { createSmtp } from './smtp.ts'

export interface Mail {
  /** false: SMTP_URL is not set. Features that need mail do not exist then, and `enqueue` does nothing. */
  readonly enabled: boolean
  /**
   * Stores a mail in the transaction of `em`; it is sent after the commit, by whichever node is first. No request waits
   * for the mail server.
   * @example await mail.enqueue(em, 'password_changed', { user: user.id })
   */
  enqueue<K extends MailKind>(em: Em, kind: K, params: MailKinds[K]): Promise<void>
  /** Sends stored mails in the background until it is closed. */
  start(compose: Compose): { close(): Promise<void> }
}

const HOUR = 3_600_000
/** Milliseconds after which a mail is not sent any more. The link of the first two would have expired. */
const LIFETIME_MS: Partial<Record<MailKind, number>> = { password_reset: HOUR, email_confirmation: HOUR }
const NOTICE_LIFETIME_MS = 72 * HOUR

export interface MailOptions {
  db: Database
  config: Pick<Config, 'smtpUrl' | 'mailFrom' | 'issuer'>
  log: Log
}

export function createMail({ db, config, log }: MailOptions): Mail {
  const { smtpUrl, mailFrom, issuer } = config
  if (!smtpUrl || !mailFrom)
    return { enabled: false, enqueue: async () => {}, start: () => ({ close: async () => {} }) }
  let wake: () => void = () => {}
  return {
    enabled: true,
    async enqueue(em, kind, params) {
      const now = new Date()
      const expiresAt = new Date(now.getTime() + (LIFETIME_MS[kind] ?? NOTICE_LIFETIME_MS))
      await em.insert(OutboxMail, { id: newId(), kind, params, nextAttemptAt: now, createdAt: now, expiresAt })
      wake()
    },
    start(compose) {
      const smtp = createSmtp({ smtpUrl, mailFrom, site: new URL(issuer).host })
      const delivery = createDelivery({ db, smtp, compose, log })
      wake = delivery.wake
      return delivery
    },
  }
}

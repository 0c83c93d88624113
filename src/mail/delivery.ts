import type { Database } from '../database/database.ts'
import type { Log } from '../errors/log.ts'
import type { Compose, MailKind, MailKinds } from './kinds.ts'
import { OutboxMail } from './outbox.entity.ts'
import { type Smtp, SmtpError } from './smtp.ts'

export interface DeliveryOptions {
  db: Database
  smtp: Smtp
  compose: Compose
  log: Log
}

export interface Delivery {
  /** A mail was stored. */
  wake(): void
  /** Waits for the mail that is being sent. */
  close(): Promise<void>
}

/** Other nodes leave a mail alone for so many seconds: longer than one attempt may take. */
const LEASE_SECONDS = 120
/** Milliseconds between two looks at the outbox, for mails of other nodes and for further attempts. */
const POLL_MS = 2_000
/** Milliseconds until a stored mail is looked for, so that its transaction is committed by then. */
const WAKE_MS = 50
/** Seconds until the next attempt, by the number of attempts; the last value is repeated. */
const RETRY_SECONDS = [5, 15, 60, 300, 900]

const CLAIM = `
  update mail_outbox set attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => ?)
  where id = (
    select id from mail_outbox where next_attempt_at <= now()
    order by next_attempt_at limit 1 for update skip locked
  )
  returning id, kind, params, attempts, expires_at <= now() as expired`

interface Row {
  id: string
  kind: MailKind
  params: MailKinds[MailKind]
  attempts: number
  expired: boolean
}

/**
 * Sends the mails of the outbox, one at a time on each node. A mail is deleted after the mail server has accepted it: after a
 * crash between the two it is sent again.
 */
export function createDelivery({ db, smtp, compose, log }: DeliveryOptions): Delivery {
  let closed = false
  let wokenMeanwhile = false
  let running: Promise<void> | undefined
  let timer = schedule(WAKE_MS)

  function schedule(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      wokenMeanwhile = false
      running = sendAll().finally(() => {
        running = undefined
        if (!closed) timer = schedule(wokenMeanwhile ? WAKE_MS : POLL_MS)
      })
    }, ms).unref()
  }

  async function sendAll(): Promise<void> {
    try {
      while (!closed && (await sendNext()));
    } catch (error) {
      // Without the database there is nothing to send; the next look finds what is stored.
      log.warn({ err: error }, 'could not read the mails to send')
    }
  }

  /** @returns whether there may be another mail */
  async function sendNext(): Promise<boolean> {
    const [row] = await db.query<Row>(CLAIM, [LEASE_SECONDS])
    if (!row) return false
    if (row.expired) log.error({ kind: row.kind, attempts: row.attempts }, 'gave up sending a mail: it is out of date')
    if (row.expired || (await send(row))) await db.run(em => em.nativeDelete(OutboxMail, { id: row.id }))
    return true
  }

  /** @returns whether the mail is done */
  async function send({ id, kind, params, attempts }: Row): Promise<boolean> {
    try {
      const message = await compose(kind, params)
      if (message) await smtp.send(id, message)
      return true
    } catch (error) {
      if (error instanceof SmtpError && error.permanent) {
        log.error({ err: error, kind }, 'the mail server rejected a mail')
        return true
      }
      log.warn({ err: error, kind, attempts }, 'could not send a mail; it is tried again')
      const seconds = RETRY_SECONDS[Math.min(attempts, RETRY_SECONDS.length) - 1] as number
      const nextAttemptAt = new Date(Date.now() + seconds * 1000)
      await db.run(em => em.nativeUpdate(OutboxMail, { id }, { nextAttemptAt }))
      return false
    }
  }

  return {
    wake() {
      wokenMeanwhile = true
      if (closed || running) return
      clearTimeout(timer)
      timer = schedule(WAKE_MS)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await running
      smtp.close()
    },
  }
}

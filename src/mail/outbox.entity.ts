import { defineEntity, p } from '@mikro-orm/postgresql'

const OutboxMailSchema = defineEntity({
  name: 'OutboxMail',
  tableName: 'mail_outbox',
  properties: {
    /** Also the start of the Message-ID, so that a mail that is sent twice is shown once by most programs. */
    id: p.uuid().primary(),
    kind: p.string().length(32),
    /** What the mail is about. It contains no secret: a link is created when the mail is sent. */
    params: p.json<Record<string, unknown>>(),
    attempts: p.integer().default(0),
    /** Nobody sends it before. A node that sends it sets a later time first, after which another node tries again. */
    nextAttemptAt: p.datetime().index(),
    createdAt: p.datetime(),
    /** It is not sent after this time, since nobody needs it any more. */
    expiresAt: p.datetime(),
  },
})

/** A mail that is not sent yet. It is written in the transaction of what it reports, so that none is lost in a crash. */
export class OutboxMail extends OutboxMailSchema.class {}
OutboxMailSchema.setClass(OutboxMail)

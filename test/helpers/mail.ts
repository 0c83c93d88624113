import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

type Test = { teardown(work: () => unknown): void }

/** An SMTP server of this test's own. */
export interface MailServer {
  url: string
  /** What it has accepted, in order. */
  readonly mails: ParsedMail[]
  /** Waits for the next mail to this address that has not been taken yet. */
  take(to: string): Promise<ParsedMail>
}

/** The settings of a server that sends by `openMailServer`. */
export const mailSettings = ({ url }: MailServer) => ({ smtpUrl: url, mailFrom: 'Postern <no-reply@example.com>' })

/** @param options to reject, delay or drop mails */
export async function openMailServer(t: Test, options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: ParsedMail[] = []
  const taken = new Set<ParsedMail>()
  let arrived = Promise.withResolvers<void>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, callback) {
      simpleParser(stream).then(mail => {
        mails.push(mail)
        callback()
        arrived.resolve()
        arrived = Promise.withResolvers()
      }, callback)
    },
    ...options,
  })
  server.on('error', () => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => new Promise<void>(resolve => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    async take(to) {
      for (;;) {
        const mail = mails.find(one => !taken.has(one) && addressOf(one) === to)
        if (mail) {
          taken.add(mail)
          return mail
        }
        await arrived.promise
      }
    },
  }
}

const addressOf = ({ to }: ParsedMail): string | undefined => [to].flat()[0]?.value[0]?.address

/** The path and query of the link in a mail. */
export function linkIn(mail: ParsedMail): string {
  const url = new URL(/https?:\/\/\S+/.exec(mail.text as string)?.[0] as string)
  return url.pathname + url.search
}

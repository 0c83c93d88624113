import { withTimeout } from '../database/timeout.ts'
import type { Message } from './message.ts'
import { toHtml, toText } from './message.ts'

export interface SmtpOptions {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the start. */
  smtpUrl: string
  /** `Postern <no-reply@example.com>` */
  mailFrom: string
  /** The host of the issuer, for the Message-ID. */
  site: string
}

export interface Smtp {
  /** @throws SmtpError when the server does not accept it */
  send(id: string, message: Message): Promise<void>
  /** Connects and signs in, without a mail. @throws the error of the mail server */
  verify(): Promise<void>
  close(): void
}

/** The mail server did not accept a mail. */
export class SmtpError extends Error {
  /** true: it rejected this recipient or this message, so another attempt would be rejected too. */
  readonly permanent: boolean

  constructor(cause: unknown) {
    const { message, code, responseCode = 0 } = cause as { message: string; code?: string; responseCode?: number }
    super(message, { cause })
    this.permanent = (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode >= 500
  }
}

/** Each step of the conversation must make progress within this time. */
const STEP_MS = 10_000
/** The whole of it: a server that sends one byte at a time does not occupy a connection for longer. */
const TOTAL_MS = 60_000

/** nodemailer is loaded with the first mail: most deployments never send one. */
export function createSmtp({ smtpUrl, mailFrom, site }: SmtpOptions): Smtp {
  let loading: Promise<Transport> | undefined

  async function load(): Promise<Transport> {
    const { createTransport } = await import('nodemailer')
    const timeouts = { connectionTimeout: STEP_MS, greetingTimeout: STEP_MS, socketTimeout: STEP_MS }
    const url = new URL(smtpUrl)
    const auth = url.username && {
      user: decodeURIComponent(url.username),
      pass: decodeURIComponent(url.password),
    }
    return createTransport({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      ...(url.port && { port: Number(url.port) }),
      secure: url.protocol === 'smtps:',
      ...(auth && { auth }),
      requireTLS: url.protocol === 'smtp:' && !isLocal(url.hostname) && url.searchParams.get('tls') !== 'off',
      ...timeouts,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }

  return {
    async send(id, message) {
      loading ??= load()
      const transport = await loading
      const sending = transport.sendMail({
        from: mailFrom,
        to: { name: '', address: message.to },
        subject: message.subject,
        text: toText(message),
        html: toHtml(message),
        messageId: `<${id}@${site.replace(/:\d+$/, '')}>`,
        // No reply from a program that answers mail (RFC 3834 §5).
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
      await withTimeout(sending, TOTAL_MS, tooSlow).catch(error => {
        throw new SmtpError(error)
      })
    },
    async verify() {
      loading ??= load()
      const transport = await loading
      await withTimeout(transport.verify(), TOTAL_MS, tooSlow)
    },
    close: () => void loading?.then(transport => transport.close()),
  }
}

interface Transport {
  sendMail(mail: object): Promise<unknown>
  verify(): Promise<unknown>
  close(): void
}

/** Passwords and links are sent in clear to a server on this machine only, unless the URL ends with `?tls=off`. */
const isLocal = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)

const tooSlow = () => new Error(`the mail server took longer than ${TOTAL_MS / 1000} s`)

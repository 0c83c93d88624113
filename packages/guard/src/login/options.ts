import { normalizeIssuer } from '../issuer-url.ts'
import {
  checkOptions,
  isBoolean,
  isFunction,
  isIssuer,
  isNonEmptyString,
  isNonNegative,
  isScopes,
  isUri,
  type OptionRule,
  optional,
  requireOptions,
} from '../options.ts'

/** What the user has to see or do. By default, it is written to stderr as text. */
export type LoginPrompt =
  | { kind: 'browser'; url: string }
  | { kind: 'device'; userCode: string; verificationUri: string; verificationUriComplete: string | undefined }
  | { kind: 'warning'; message: string }

/** Whose sign-in it is, and where it is stored. */
export interface LoginOptions {
  /** The issuer, such as `https://id.example.com`. Plain http is accepted for loopback addresses only. */
  issuer: string
  /**
   * The public client of the command line (RFC 8252). It needs the redirect URI `http://127.0.0.1/callback` for browsers, and
   * the device grant for terminals without one.
   */
  clientId: string
  /** Requested scopes; default: those that the issuer grants by default. */
  scopes?: readonly string[] | undefined
  /** The API that the token is for (RFC 8707). */
  resource?: string | undefined
  /** Names the folder and the keyring entries of the program; default: `postern`. */
  name?: string | undefined
  /** An environment variable whose token is used instead of a stored one; default: `POSTERN_TOKEN`. */
  variable?: string | undefined
  /** false: store in a file, also where the system has a keyring. */
  keyring?: boolean | undefined
  /** How to sign in; default: the browser where one can be opened, otherwise a device code. */
  method?: 'browser' | 'device' | undefined
  /** Seconds that the user has for the sign-in in the browser; default: 300. */
  timeoutSeconds?: number | undefined
  /** Shows the user what to do. */
  prompt?: ((prompt: LoginPrompt) => void) | undefined
}

/** The options with their defaults. */
export interface ResolvedLogin extends LoginOptions {
  name: string
  variable: string
  timeoutSeconds: number
  prompt: (prompt: LoginPrompt) => void
}

const isMethod: OptionRule = (name, value) => {
  if (value !== 'browser' && value !== 'device') throw new TypeError(`${name} must be "browser" or "device".`)
}

/** A file name on every system. */
const isName: OptionRule = (name, value) => {
  if (typeof value !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(value))
    throw new TypeError(`${name} must be 1 to 64 letters, digits, dots, hyphens or underscores.`)
}

const RULES: Record<string, OptionRule> = {
  issuer: isIssuer,
  clientId: isNonEmptyString,
  scopes: optional(isScopes),
  resource: optional(isUri),
  name: optional(isName),
  variable: optional(isNonEmptyString),
  keyring: optional(isBoolean),
  method: optional(isMethod),
  timeoutSeconds: optional(isNonNegative),
  prompt: optional(isFunction),
}

/** @throws TypeError that names an option that is missing or invalid */
export function resolveOptions(where: string, options: LoginOptions): ResolvedLogin {
  checkOptions(where, options, RULES)
  requireOptions(where, options, ['issuer', 'clientId'])
  const issuer = normalizeIssuer(options.issuer) as string
  if (!isProtected(issuer)) throw new TypeError(`${where}: issuer must use https, except for loopback addresses.`)
  return {
    ...options,
    issuer,
    name: options.name ?? 'postern',
    variable: options.variable ?? 'POSTERN_TOKEN',
    timeoutSeconds: options.timeoutSeconds ?? 300,
    prompt: options.prompt ?? writePrompt,
  }
}

/** Whether credentials may be sent to a URL: by https, or within this machine. */
export function isProtected(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return true
  return protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

function writePrompt(prompt: LoginPrompt): void {
  process.stderr.write(`${promptText(prompt)}\n`)
}

/** Characters that control a terminal, or change the order in which text is displayed. An issuer's answer may contain them. */
const CONTROL = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** A prompt as text for a terminal. */
export const promptText = (prompt: LoginPrompt): string => textOf(prompt).replaceAll(CONTROL, '')

function textOf(prompt: LoginPrompt): string {
  if (prompt.kind === 'warning') return `Warning: ${prompt.message}`
  if (prompt.kind === 'browser') return `Sign in in your browser. If it does not open, visit:\n  ${prompt.url}`
  const link = prompt.verificationUriComplete ? `\nOr visit:\n  ${prompt.verificationUriComplete}` : ''
  return `Visit ${prompt.verificationUri} on any device, and enter the code ${prompt.userCode}${link}`
}

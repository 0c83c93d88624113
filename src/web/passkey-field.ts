import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Factors } from '../users/factors/factors.ts'
import type { PasskeyRequest } from '../users/factors/passkey-use.ts'
import type { Site } from './site.ts'

/** What a view needs for a form that a passkey answers. */
export interface PasskeyField {
  /** JSON for the script. */
  options: string
  /** The sealed challenge, for a field of the form. */
  challenge: string
}

export const passkeyField = ({ options, sealed }: PasskeyRequest): PasskeyField => ({
  options: JSON.stringify(options),
  challenge: sealed,
})

/** What a user can show as a second factor, for a form that asks for it. */
export interface FactorFields {
  /** undefined: the user has no passkey. */
  passkey: PasskeyField | undefined
  /** Whether there is an authenticator app or a recovery code. */
  byCode: boolean
  hasApp: boolean
}

/** @param browser binds the challenge for a passkey to this sign-in or session */
export async function factorFields(
  { list, passkeys: uses }: Pick<Factors, 'list' | 'passkeys'>,
  browser: string,
  userId: string,
): Promise<FactorFields> {
  const { passkeys, app, recoveryCodes } = await list(userId)
  const asked = passkeys.length > 0 ? await uses?.beginUsing(browser, userId) : undefined
  const hasApp = app !== undefined
  return { passkey: asked && passkeyField(asked), byCode: hasApp || recoveryCodes > 0, hasApp }
}

/**
 * The field of the sign-in page for a passkey, and the cookie that binds its challenge to this browser.
 * @returns undefined where there are no passkeys
 */
export async function signInField(
  reply: FastifyReply,
  site: Site,
  { passkeys }: Pick<Factors, 'passkeys'>,
): Promise<PasskeyField | undefined> {
  if (!passkeys) return undefined
  const browser = passkeyBrowserOf(reply.request, site) ?? randomBytes(16).toString('base64url')
  reply.setCookie(site.passkeyCookie, browser, site.cookieOptions)
  return passkeyField(await passkeys.beginUsing(browser))
}

/** The browser for which the sign-in page issued a challenge. @returns undefined for a value that this server did not issue */
export function passkeyBrowserOf({ cookies }: FastifyRequest, site: Site): string | undefined {
  const value = cookies[site.passkeyCookie]
  return value !== undefined && /^[\w-]{22}$/.test(value) ? value : undefined
}

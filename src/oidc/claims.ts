import type { OidcProvider } from '../config/oidc.ts'

/** What a provider says about the person who signed in. */
export interface Person {
  subject: string
  /** Only an address that the provider has verified. */
  email: string | undefined
  name: string | undefined
  /** Who the person is in the directory; undefined: the provider does not say. */
  externalId?: string | undefined
  /** undefined: the provider says nothing about that. */
  isAdmin: boolean | undefined
  /** When the person last proved who they are, in seconds since the epoch. */
  authenticatedAt: number | undefined
  /** The session at the provider. */
  session: string | undefined
}

/**
 * Reads the claims of an ID token and of UserInfo (OpenID Connect Core §5.1). An address without `email_verified` is ignored:
 * at some providers anyone can enter any address.
 * @throws SignInRefused for a subject that is longer than the standard allows
 */
export function toPerson(
  claims: Record<string, unknown>,
  { admins, externalId }: Pick<OidcProvider, 'admins' | 'externalId'>,
): Person {
  const text = (name: string) => (typeof claims[name] === 'string' ? (claims[name] as string) : undefined)
  if (!fits(claims.sub)) throw new SignInRefused('sub is not a subject identifier')
  const verified = claims.email_verified === true || claims.email_verified === 'true'
  return {
    subject: claims.sub as string,
    email: verified ? text('email') : undefined,
    name: text('name') ?? text('preferred_username'),
    externalId: externalId === undefined ? undefined : text(externalId),
    isAdmin: admins && [claims[admins.claim]].flat().includes(admins.value),
    authenticatedAt: typeof claims.auth_time === 'number' ? claims.auth_time : undefined,
    session: fits(text('sid')) ? text('sid') : undefined,
  }
}

/** At most 255 characters, none of them a control character (OpenID Connect Core §2). */
const fits = (value: unknown): boolean => typeof value === 'string' && /^[^\p{Cc}]{1,255}$/u.test(value)

/** The provider, or the person at the provider, did not allow the sign-in. */
export class SignInRefused extends Error {}

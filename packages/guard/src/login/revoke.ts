import { refused } from './error.ts'
import { type IssuerClient, isOAuthError, type TokenSet } from './issuer.ts'
import type { ResolvedLogin } from './options.ts'

/** Revokes a sign-in at its issuer (RFC 7009). @throws LoginError `refused`, `unavailable` */
export async function revokeTokens(
  issuer: IssuerClient,
  { clientId }: ResolvedLogin,
  { refreshToken, accessToken }: TokenSet,
): Promise<void> {
  const token = refreshToken ?? accessToken
  const hint = refreshToken === undefined ? 'access_token' : 'refresh_token'
  const answer = await issuer.post('revoke', { client_id: clientId, token, token_type_hint: hint })
  if (isOAuthError(answer)) throw refused(`The issuer refused to revoke the sign-in: ${answer.description}`)
}

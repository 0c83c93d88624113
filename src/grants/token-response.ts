import type { IssuedToken } from '../tokens/mint.ts'
import type { TokenResponse } from './grant.ts'

/** The response that contains a newly issued token (RFC 6749 §5.1). */
export function toTokenResponse({ plainText, token }: IssuedToken, refreshToken?: string): TokenResponse {
  return {
    access_token: plainText,
    token_type: 'Bearer',
    expires_in: Math.ceil((token.expiresAt.getTime() - token.createdAt.getTime()) / 1000),
    scope: token.scopes.join(' '),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  }
}

import type { Issued } from '../tokens/mint.ts'
import type { TokenAnswer } from './grant.ts'

/** What a client is told of a token that was just issued (RFC 6749 §5.1). */
export function answer({ plainText, token }: Issued, refreshToken?: string): TokenAnswer {
  return {
    access_token: plainText,
    token_type: 'Bearer',
    expires_in: Math.ceil((token.expiresAt.getTime() - token.createdAt.getTime()) / 1000),
    scope: token.scopes.join(' '),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  }
}

import type { Client, GrantType } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import type { Mint } from '../tokens/mint.ts'
import type { Target } from '../tokens/target.ts'
import type { TokenResponse } from './grant.ts'
import { insertForGrant } from './insert.ts'
import type { ClientPolicy } from './policy.ts'
import type { Refresh } from './refresh.ts'
import { toTokenResponse } from './token-response.ts'

/** What a user gave a client: by a code or at a device. */
export interface GrantedAccess {
  /** Id of the grant. */
  grant: string
  /** Id of the user. */
  user: string
  scopes: string[]
  /** Resources that it is for, as in the row of a token. */
  audience: string | null
}

/**
 * Begins what a user gave, in the transaction of `em` that redeems it: an access token, and the first refresh token of a
 * family where the client may have one.
 * @param target what the access token is for; the family stays for all that was given
 */
export type IssueForGrant = (
  em: Em,
  client: Client,
  type: GrantType,
  granted: GrantedAccess,
  target: Target,
) => Promise<TokenResponse>

export interface IssueForGrantOptions {
  mint: Mint
  policy: ClientPolicy
  refresh: Pick<Refresh, 'start'>
}

export function createIssueForGrant({ mint, policy, refresh }: IssueForGrantOptions): IssueForGrant {
  return async (em, client, type, granted, target) => {
    const expiresAt = policy.expiry(client, type)
    const issued = await mint({
      ...granted,
      ...target,
      client: client.id,
      name: null,
      format: client.tokenFormat,
      expiresAt,
    })
    await insertForGrant(em, issued.token)
    if (!client.grantTypes.includes('refresh_token')) return toTokenResponse(issued)
    return toTokenResponse(issued, await refresh.start(em, { ...granted, client, accessToken: issued.token.id }))
  }
}

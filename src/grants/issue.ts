import { type Client, clientIdOf, type GrantType } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import { earlierOf } from '../http/time.ts'
import type { Mint } from '../tokens/mint.ts'
import type { Target } from '../tokens/target.ts'
import type { TokenResponse } from './grant.ts'
import { insertForGrant } from './insert.ts'
import type { ClientPolicy } from './policy.ts'
import type { Refresh } from './refresh.ts'
import { toTokenResponse } from './token-response.ts'

/** What a user granted to a client, by authorization code or device code. */
export interface GrantedAccess {
  /** Id of the grant. */
  grant: string
  /** Id of the user. */
  user: string
  /** The id of a user of an application there. */
  subject: string | null
  scopes: string[]
  /** The resources that it is for, as in the row of a token. */
  audience: string | null
}

/**
 * Issues the tokens of a grant in the transaction of `em` that redeems it: an access token and, if the client may use
 * refresh tokens, the first one of a family.
 * @param target scopes and audience of the access token; the family keeps everything that was granted
 * @param accessUntil when the user wants the access to end; null: when the tokens do
 */
export type IssueForGrant = (
  em: Em,
  client: Client,
  type: GrantType,
  granted: GrantedAccess,
  target: Target,
  accessUntil: Date | null,
) => Promise<TokenResponse>

export interface IssueForGrantOptions {
  mint: Mint
  policy: ClientPolicy
  refresh: Pick<Refresh, 'start'>
}

export function createIssueForGrant({ mint, policy, refresh }: IssueForGrantOptions): IssueForGrant {
  return async (em, client, type, granted, target, accessUntil) => {
    const { subject: _, ...family } = granted
    const latest = policy.expiry(client, type)
    const expiresAt = accessUntil ? earlierOf(latest, accessUntil) : latest
    const issued = await mint({
      ...granted,
      ...target,
      client: client.id,
      clientId: clientIdOf(client),
      name: null,
      format: client.tokenFormat,
      expiresAt,
    })
    await insertForGrant(em, issued.token)
    if (!client.grantTypes.includes('refresh_token')) return toTokenResponse(issued)
    return toTokenResponse(
      issued,
      await refresh.start(em, { ...family, client, accessToken: issued.token.id }, accessUntil),
    )
  }
}

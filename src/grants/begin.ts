import type { Client, GrantType } from '../clients/client.entity.ts'
import type { Em } from '../database/database.ts'
import type { Mint } from '../tokens/mint.ts'
import type { Target } from '../tokens/target.ts'
import { issuedEvent } from '../tokens/writer.ts'
import { answer } from './answer.ts'
import type { TokenAnswer } from './grant.ts'
import type { Refresh } from './refresh.ts'
import { store } from './store.ts'
import type { Terms } from './terms.ts'

/** What a user gave a client: by a code or at a device. */
export interface Given {
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
export type Begin = (em: Em, client: Client, type: GrantType, given: Given, target: Target) => Promise<TokenAnswer>

export interface BeginOptions {
  mint: Mint
  terms: Terms
  refresh: Pick<Refresh, 'start'>
}

export function createBegin({ mint, terms, refresh }: BeginOptions): Begin {
  return async (em, client, type, given, target) => {
    const expiresAt = terms.expiry(client, type)
    const issued = await mint({
      ...given,
      ...target,
      client: client.id,
      name: null,
      format: client.tokenFormat,
      expiresAt,
    })
    await store(em, issued.token, issuedEvent(issued.token))
    if (!client.grantTypes.includes('refresh_token')) return answer(issued)
    return answer(issued, await refresh.start(em, { ...given, client, accessToken: issued.token.id }))
  }
}

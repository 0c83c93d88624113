import { invalidClient } from '../errors/protocol.ts'
import type { InsertIssuedToken } from '../tokens/insert-batch.ts'
import type { Mint } from '../tokens/mint.ts'
import type { Grant } from './grant.ts'
import { assertOwnResources } from './own-resources.ts'
import type { ClientPolicy } from './policy.ts'
import { toTokenResponse } from './token-response.ts'

/** The grant type `client_credentials` (RFC 6749 §4.4): a machine's token, without user and refresh token. */
export function clientCredentials({
  policy,
  mint,
  insertRow,
}: {
  policy: ClientPolicy
  mint: Mint
  insertRow: InsertIssuedToken
}): Grant {
  return async ({ client, params }) => {
    const scopes = policy.scopes(client, params.scope)
    const grantTarget = await policy.grantTarget(params.resource)
    assertOwnResources(client, grantTarget.requested, grantTarget.resolve(scopes, null).audience)
    const issued = await mint({
      user: null,
      client: client.id,
      name: null,
      ...grantTarget.resolve(scopes, grantTarget.requested ?? null),
      format: client.tokenFormat,
      expiresAt: policy.expiry(client, 'client_credentials'),
    })
    // The client was revoked after it had been authenticated.
    if (!(await insertRow(issued.token))) throw invalidClient()
    return toTokenResponse(issued)
  }
}

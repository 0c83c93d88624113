import { invalidClient } from '../errors/protocol.ts'
import type { Mint } from '../tokens/mint.ts'
import type { WriteRow } from '../tokens/writer.ts'
import { answer } from './answer.ts'
import type { Grant } from './grant.ts'
import { assertOwnResources } from './own-resources.ts'
import type { Terms } from './terms.ts'

/** A machine's token for itself (RFC 6749 §4.4): no user, no refresh token. */
export function clientCredentials({ terms, mint, write }: { terms: Terms; mint: Mint; write: WriteRow }): Grant {
  return async ({ client, params }) => {
    const scopes = terms.scopes(client, params.scope)
    const aim = await terms.aim(params.resource)
    assertOwnResources(client, aim.asked, aim.at(scopes, null).audience)
    const issued = await mint({
      user: null,
      client: client.id,
      name: null,
      ...aim.at(scopes, aim.asked ?? null),
      format: client.tokenFormat,
      expiresAt: terms.expiry(client, 'client_credentials'),
    })
    // Revoked between proving who it is and now.
    if (!(await write(issued.token))) throw invalidClient()
    return answer(issued)
  }
}

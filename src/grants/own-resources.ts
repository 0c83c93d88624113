import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Client } from '../clients/client.entity.ts'
import { invalidTarget } from '../errors/protocol.ts'
import { resourcesOf } from '../tokens/audience.ts'

/**
 * Checks the resources of a `client_credentials` request. Allowed are the client's own audience, the resources that an
 * operator allowed, and those that its scopes belong to.
 * @param requested the requested resources, separated by spaces; null, undefined: none
 * @param implied the resources that its scopes belong to, in the same form
 * @throws 400 `invalid_target` that names the other resources (RFC 8707 §2)
 */
export function assertOwnResources(client: Client, requested: string | null | undefined, implied: string | null): void {
  const allowed = [client.audience ?? [], client.resources ?? [], implied ? resourcesOf(implied) : []].flat()
  const rejected = requested ? resourcesOf(requested).filter(uri => !isMeantFor(uri, allowed)) : []
  if (rejected.length === 0) return
  throw invalidTarget(`${rejected.join(', ')}: an operator must allow this by setting resources of the client.`)
}

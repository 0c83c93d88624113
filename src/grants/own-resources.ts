import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Client } from '../clients/client.entity.ts'
import { invalidTarget } from '../errors/protocol.ts'
import { resourcesOf } from '../tokens/audience.ts'

/**
 * Lets a client that acts for itself name its own audience, the resources that an operator allowed it, and those that
 * its scopes belong to.
 * @param named the resources that it names, separated by spaces; null, undefined: none
 * @param implied the resources that its scopes belong to, in the same form
 * @throws 400 `invalid_target` that names the others (RFC 8707 §2)
 */
export function assertOwnResources(client: Client, named: string | null | undefined, implied: string | null): void {
  const allowed = [client.audience ?? [], client.resources ?? [], implied ? resourcesOf(implied) : []].flat()
  const refused = named ? resourcesOf(named).filter(uri => !isMeantFor(uri, allowed)) : []
  if (refused.length === 0) return
  throw invalidTarget(`${refused.join(', ')}: an operator has to allow it, by resources of the client.`)
}

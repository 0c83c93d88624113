import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { forbidden } from '../errors/errors.ts'

/** A client that stands for an API. */
export interface ResourceServer {
  id: string
  audience: string
}

/**
 * Authenticates the resource server that sends a report (RFC 6749 §2.3.1), and makes it the actor.
 * @param what the rest of the sentence that says what only a resource server can do
 * @throws 401 if the authentication fails; 403 for a client that is public or has no audience
 * @example await authenticateResourceServer(clientAuthentication, request.headers.authorization, 'report the use of tokens')
 */
export async function authenticateResourceServer(
  clientAuthentication: ClientAuthentication,
  authorization: string | undefined,
  what: string,
): Promise<ResourceServer> {
  const client = await clientAuthentication.authenticate({ authorization, params: {} })
  const { id, audience } = client
  if (!client.isConfidential() || audience === null) {
    throw forbidden(`Only a resource server, a client with an audience, can ${what}.`)
  }
  setActor({ clientId: id })
  return { id, audience }
}

import type { FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { forbidden } from '../errors/errors.ts'

/** A client that stands for an API. */
export interface ResourceServer {
  id: string
  audience: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The resource server that sends a report; after `authenticateResourceServer`. */
    resourceServer: ResourceServer | null
  }
}

/**
 * Makes a hook that authenticates the resource server that sends a report (RFC 6749 §2.3.1), as the actor and as
 * `request.resourceServer`, with which the application has to decorate requests.
 * @param what the rest of the sentence that says what only a resource server can do
 * @throws 401 if the authentication fails; 403 for a client that is public or has no audience
 * @example preValidation: authenticateResourceServer(clientAuthentication, 'report the use of tokens')
 */
export const authenticateResourceServer =
  (clientAuthentication: ClientAuthentication, what: string) =>
  async (request: FastifyRequest): Promise<void> => {
    const { authorization } = request.headers
    const client = await clientAuthentication.authenticate({ authorization, params: {} })
    const { id, audience } = client
    if (!client.isConfidential() || audience === null) {
      throw forbidden(`Only a resource server, a client with an audience, can ${what}.`)
    }
    setActor({ clientId: id })
    request.resourceServer = { id, audience }
  }

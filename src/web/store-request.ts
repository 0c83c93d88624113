import type { Peer } from '../http/forwarded.ts'
import type { AuthorizeRequest } from '../oauth/authorize-request.ts'
import type { PushedRequests } from '../oauth/pushed.ts'
import type { Throttle } from '../users/throttle.ts'
import type { Site } from './site.ts'

/**
 * Keeps an authorization request on the server while the browser goes elsewhere, for instance to sign in. In a URL it
 * would be encoded twice and outgrow the headers that proxies accept (docs/adr/0041).
 * @param who the id of the signed-in user, or the IP address; each may store a limited number of requests
 * @returns the path at which the browser goes on with it; of a stored request the same one again
 * @throws 429 with `Retry-After`
 */
export type StoreRequest = (request: AuthorizeRequest, who: Peer) => Promise<string>

export interface StoreRequestOptions {
  site: Site
  pushedRequests: Pick<PushedRequests, 'store'>
  throttle: Pick<Throttle, 'limitUnauthenticated'>
}

/** Here nobody proves to be the client, confidential or not: everybody can send a request in its name. */
const publicClient = { isConfidential: () => false }

export function createStoreRequest({ site, pushedRequests, throttle }: StoreRequestOptions): StoreRequest {
  async function store({ client, parameters }: AuthorizeRequest, who: Peer): Promise<string> {
    await throttle.limitUnauthenticated(publicClient, who)
    return pushedRequests.store(client.id, parameters)
  }

  return async (request, who) => {
    const uri = request.stored?.requestUri ?? (await store(request, who))
    const query = new URLSearchParams({ client_id: request.client.id, request_uri: uri })
    return `${site.base}/oauth/authorize?${query}`
  }
}

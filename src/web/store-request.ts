import { clientIdOf } from '../clients/client.entity.ts'
import type { Peer } from '../http/forwarded.ts'
import type { AuthorizeRequest } from '../oauth/authorize-request.ts'
import type { PushedRequests } from '../oauth/pushed.ts'
import type { Throttle } from '../users/throttle.ts'
import type { Site } from './site.ts'

/**
 * Stores an authorization request on the server while the user signs in. In a URL it would be encoded twice and exceed the
 * headers that proxies accept (docs/adr/0041).
 * @param who the id of the signed-in user, or the IP address; each may store a limited number of requests
 * @returns the path to continue at; the same path for a request that is stored already
 * @throws 429 with `Retry-After`
 */
export type StoreRequest = (request: AuthorizeRequest, who: Peer) => Promise<string>

export interface StoreRequestOptions {
  site: Site
  pushedRequests: Pick<PushedRequests, 'store'>
  throttle: Pick<Throttle, 'limitAnonymous'>
}

export function createStoreRequest({ site, pushedRequests, throttle }: StoreRequestOptions): StoreRequest {
  async function store({ client, parameters }: AuthorizeRequest, who: Peer): Promise<string> {
    // An authorization request is not authenticated, so the client does not matter.
    await throttle.limitAnonymous(who)
    return pushedRequests.store(client, parameters)
  }

  return async (request, who) => {
    const uri = request.stored?.requestUri ?? (await store(request, who))
    const query = new URLSearchParams({ client_id: clientIdOf(request.client), request_uri: uri })
    return `${site.base}/oauth/authorize?${query}`
  }
}

import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Database } from '../database/database.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { type AuthorizeRequests, createAuthorizeRequests } from './authorize-request.ts'
import { createPushedRequests, type PushedRequests } from './pushed.ts'
import { createSealedRequests } from './sealed.ts'

export interface OAuthServices {
  pushedRequests: PushedRequests
  authorizeRequests: AuthorizeRequests
}

export interface OAuthServicesOptions {
  db: Database
  clientAuthentication: ClientAuthentication
  policy: ClientPolicy
  keyRing: KeyRing
}

export function createOAuthServices({
  db,
  clientAuthentication,
  policy,
  keyRing,
}: OAuthServicesOptions): OAuthServices {
  const pushedRequests = createPushedRequests(db, createSealedRequests(keyRing))
  return {
    pushedRequests,
    authorizeRequests: createAuthorizeRequests({ clientAuthentication, policy, pushedRequests }),
  }
}

import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Database } from '../database/database.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { type AuthorizeRequests, createAuthorizeRequests } from './authorize-request.ts'
import { createPushedRequests, type PushedRequests } from './pushed.ts'

export interface OAuthServices {
  pushedRequests: PushedRequests
  authorizeRequests: AuthorizeRequests
}

export interface OAuthServicesOptions {
  db: Database
  clientAuthentication: ClientAuthentication
  policy: ClientPolicy
}

export function createOAuthServices({ db, clientAuthentication, policy }: OAuthServicesOptions): OAuthServices {
  const pushedRequests = createPushedRequests(db)
  return {
    pushedRequests,
    authorizeRequests: createAuthorizeRequests({ clientAuthentication, policy, pushedRequests }),
  }
}

import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { DocumentFetcher } from '../fetch/documents.ts'
import { TOKEN_EXCHANGE } from '../grants/exchange.ts'
import type { Grant, Grants } from '../grants/grant.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { Mint } from '../tokens/mint.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { trustedExchange } from './exchange.ts'
import { createIssuerKeys } from './issuer-keys.ts'
import { createVerifySubjectToken } from './subject-token.ts'
import { createTrusts, type Trusts } from './trusts.ts'

export interface TrustServices {
  trusts: Trusts
  /** With the exchange of workloads' tokens. */
  grants: Grants
}

export interface TrustServicesOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  documents: DocumentFetcher
  clientAuthentication: ClientAuthentication
  policy: ClientPolicy
  mint: Mint
  grants: Grants
  ownUsers: OwnUsers
  config: Config
}

export function createTrustServices(options: TrustServicesOptions): TrustServices {
  const trusts = createTrusts(options)
  const verify = createVerifySubjectToken(createIssuerKeys(options.documents))
  const next = options.grants[TOKEN_EXCHANGE] as Grant
  return {
    trusts,
    grants: { ...options.grants, [TOKEN_EXCHANGE]: trustedExchange({ ...options, trusts, verify, next }) },
  }
}

import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { ImportSources } from '../imported/sources.ts'
import type { Operations } from '../operations/operations.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { KeyRing } from '../security/key-ring.ts'
import type { TokenServices } from '../tokens/services.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { Throttle } from '../users/throttle.ts'
import { authorizationCode } from './authorization-code.ts'
import { type Authorizations, createAuthorizations } from './authorizations.ts'
import { clientCredentials } from './client-credentials.ts'
import { createConfirmOwner } from './confirm-owner.ts'
import { createDevice, type Device } from './device.ts'
import { DEVICE_CODE, deviceGrant } from './device-grant.ts'
import { TOKEN_EXCHANGE, tokenExchange } from './exchange.ts'
import type { Grants } from './grant.ts'
import { createIssueForGrant } from './issue.ts'
import { type ClientPolicy, createClientPolicy } from './policy.ts'
import { createRefresh, type Refresh } from './refresh.ts'
import { createFindRefreshHash, type FindRefreshHash } from './refresh-texts.ts'
import { createSignOut, type SignOut } from './sign-out.ts'

export interface GrantServices {
  grants: Grants
  policy: ClientPolicy
  refresh: Refresh
  findRefreshHash: FindRefreshHash
  device: Device
  authorizations: Authorizations
  signOut: SignOut
}

export interface GrantServicesOptions
  extends Pick<TokenServices, 'authenticate' | 'inspect' | 'targets' | 'mint' | 'insertRow' | 'usage'> {
  db: Database
  bus: InvalidationBus
  operations: Operations
  catalogue: Catalogue
  throttle: Throttle
  clientAuthentication: Pick<ClientAuthentication, 'find'>
  importSources: ImportSources
  ownUsers: OwnUsers
  keyRing: KeyRing
  config: Config
}

export function createGrantServices(options: GrantServicesOptions): GrantServices {
  const { db, bus, mint, insertRow, config } = options
  const policy = createClientPolicy(options)
  const findRefreshHash = createFindRefreshHash(options)
  const refresh = createRefresh({ bus, mint, policy, findRefreshHash, config })
  const confirmOwner = createConfirmOwner({ ...options, findRefreshHash })
  const issueForGrant = createIssueForGrant({ mint, policy, refresh })
  return {
    grants: {
      authorization_code: confirmOwner.code(authorizationCode({ bus, db, policy, issueForGrant })),
      client_credentials: clientCredentials({ policy, mint, insertRow }),
      refresh_token: confirmOwner.refresh(refresh.grant),
      [DEVICE_CODE]: confirmOwner.device(deviceGrant({ db, policy, issueForGrant })),
      [TOKEN_EXCHANGE]: tokenExchange({ ...options, policy }),
    },
    policy,
    refresh,
    findRefreshHash,
    device: createDevice({ ...options, policy }),
    authorizations: createAuthorizations(options),
    signOut: createSignOut(options.operations),
  }
}

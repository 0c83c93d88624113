import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { TokenServices } from '../tokens/services.ts'
import type { Throttle } from '../users/throttle.ts'
import { authorizationCode } from './authorization-code.ts'
import { type Authorizations, createAuthorizations } from './authorizations.ts'
import { clientCredentials } from './client-credentials.ts'
import { createDevice, type Device } from './device.ts'
import { DEVICE_CODE, deviceGrant } from './device-grant.ts'
import { TOKEN_EXCHANGE, tokenExchange } from './exchange.ts'
import type { Grants } from './grant.ts'
import { createIssueForGrant } from './issue.ts'
import { type ClientPolicy, createClientPolicy } from './policy.ts'
import { createRefresh, type Refresh } from './refresh.ts'
import { createSignOut, type SignOut } from './sign-out.ts'

export interface GrantServices {
  grants: Grants
  policy: ClientPolicy
  refresh: Refresh
  device: Device
  authorizations: Authorizations
  signOut: SignOut
}

export interface GrantServicesOptions
  extends Pick<TokenServices, 'authenticate' | 'inspect' | 'targets' | 'mint' | 'insertRow' | 'usage'> {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  throttle: Throttle
  config: Config
}

export function createGrantServices(options: GrantServicesOptions): GrantServices {
  const { db, bus, mint, insertRow, throttle, config } = options
  const policy = createClientPolicy(options)
  const refresh = createRefresh({ bus, mint, policy, config })
  const issueForGrant = createIssueForGrant({ mint, policy, refresh })
  return {
    grants: {
      authorization_code: authorizationCode({ bus, db, policy, issueForGrant }),
      client_credentials: clientCredentials({ policy, mint, insertRow }),
      refresh_token: refresh.grant,
      [DEVICE_CODE]: deviceGrant({ db, policy, issueForGrant }),
      [TOKEN_EXCHANGE]: tokenExchange({ ...options, policy }),
    },
    policy,
    refresh,
    device: createDevice({ db, policy, throttle, config }),
    authorizations: createAuthorizations(options),
    signOut: createSignOut(bus),
  }
}

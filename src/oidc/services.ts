import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { KeyRing } from '../security/key-ring.ts'
import type { Users } from '../users/users.ts'
import { createResolvePerson, type FindProvisioned, type ResolvePerson } from './accounts.ts'
import { createEndByProvider, type EndByProvider } from './back-channel.ts'
import { createProviderClient, type ProviderClient } from './provider.ts'
import { createSignInStates, type SignInStates } from './sign-in-state.ts'

export interface OidcServices {
  providers: readonly ProviderClient[]
  signInStates: SignInStates
  resolvePerson: ResolvePerson
  endByProvider: EndByProvider
}

export interface OidcServicesOptions {
  db: Database
  users: Users
  config: Pick<Config, 'oidc'>
  keyRing: KeyRing
  findProvisioned: FindProvisioned
}

export function createOidcServices({ db, users, config, keyRing, findProvisioned }: OidcServicesOptions): OidcServices {
  const providers = config.oidc.map(createProviderClient)
  return {
    providers,
    signInStates: createSignInStates(keyRing),
    resolvePerson: createResolvePerson(db, users, findProvisioned),
    endByProvider: createEndByProvider(db, providers),
  }
}

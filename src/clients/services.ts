import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { type ClientAuthentication, createClientAuthentication } from './authenticate.ts'
import { type Clients, createClients } from './clients.ts'
import { createExplorer, type EnsureExplorer } from './explorer.ts'
import { createResources, type Resources } from './resources.ts'
import type { ClientRevocation } from './revoke.ts'

export interface ClientServices {
  clients: Clients
  /** The APIs that tokens can be meant for. */
  resources: Resources
  clientAuthentication: ClientAuthentication
  ensureExplorer: EnsureExplorer
}

export interface ClientServicesOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Config
  revocation: ClientRevocation
}

export function createClientServices(options: ClientServicesOptions): ClientServices {
  const { db, bus, catalogue, config } = options
  return {
    clients: createClients(options),
    resources: createResources(options),
    clientAuthentication: createClientAuthentication({ db, bus, issuer: config.issuer }),
    ensureExplorer: createExplorer({ bus, catalogue }),
  }
}

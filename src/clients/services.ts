import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { DocumentFetcher } from '../fetch/documents.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { Throttle } from '../users/throttle.ts'
import { createActiveClients, createClientCache } from './active-clients.ts'
import { createAssertionVerifier } from './assertion.ts'
import { type ClientAuthentication, createClientAuthentication } from './authenticate.ts'
import { type BlockedHosts, createBlockedHosts } from './blocked-hosts.ts'
import { type Clients, createClients } from './clients.ts'
import { createCommandLineClient, type EnsureCommandLine } from './command-line.ts'
import { createExplorer, type EnsureExplorer } from './explorer.ts'
import { createClientKeys } from './keys.ts'
import { createNewDocumentLimit } from './limit-new-documents.ts'
import { createMetadataClients } from './metadata-clients.ts'
import { createResources, type Resources } from './resources.ts'
import type { ClientRevocation } from './revoke.ts'
import { createVerifications, type Verifications } from './verifications.ts'

export interface ClientServices {
  clients: Clients
  /** The APIs that tokens can be meant for. */
  resources: Resources
  clientAuthentication: ClientAuthentication
  blockedHosts: BlockedHosts
  verifications: Verifications
  ensureExplorer: EnsureExplorer
  ensureCommandLine: EnsureCommandLine
}

export interface ClientServicesOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  documents: DocumentFetcher
  throttle: Throttle
  config: Config
  revocation: ClientRevocation
}

export function createClientServices(options: ClientServicesOptions): ClientServices {
  const { db, bus, catalogue, documents, config } = options
  const blockedHosts = createBlockedHosts(options)
  const readRow = createClientCache(db, bus)
  const limitNewDocuments = createNewDocumentLimit(options.throttle)
  const metadataClients = createMetadataClients({ ...options, limitNewDocuments, blockedHosts, readRow })
  const activeClients = createActiveClients({ db, bus, readRow, metadataClients })
  const clientKeys = createClientKeys(documents, limitNewDocuments)
  const verifyAssertion = createAssertionVerifier({ db, issuer: config.issuer, clientKeys })
  const clients = createClients(options)
  return {
    clients,
    verifications: createVerifications({ db, clients, documents }),
    resources: createResources(options),
    clientAuthentication: createClientAuthentication({ db, bus, activeClients, verifyAssertion }),
    blockedHosts,
    ensureExplorer: createExplorer({ bus, catalogue }),
    ensureCommandLine: createCommandLineClient(db),
  }
}

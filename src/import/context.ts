import type { Clients } from '../clients/clients.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { TakeStatusReference } from '../tokens/mint.ts'
import type { RevokeToken } from '../tokens/revoke-batch.ts'
import type { IdSet } from './id-set.ts'
import type { ReportBuilder } from './report.ts'
import type { Source } from './source/source.ts'

/** What an import needs of the server. */
export interface ImportServices {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  clients: Clients
  revokeToken: RevokeToken
  takeStatusReference: TakeStatusReference
  config: Config
}

/** An import that is running. */
export interface ImportContext {
  services: ImportServices
  /** The name of the source. */
  source: string
  from: Source
  report: ReportBuilder
  /** Whether nothing is written. */
  dryRun: boolean
  /** In a dry run: the rows that would be imported, as `kind id`. */
  planned: IdSet
}

import type { Authenticate } from '../../packages/guard/src/requirements.ts'
import type { Clients } from '../clients/clients.ts'
import type { Resources } from '../clients/resources.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Log } from '../errors/log.ts'
import type { ImportSources } from '../imported/sources.ts'
import type { Keys } from '../keys/keys.ts'
import type { Mail } from '../mail/mail.ts'
import type { Operations } from '../operations/operations.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { createAdoptClaims } from './adopt-claims.ts'
import { createAuthenticate } from './authenticate.ts'
import { createTokenAdmin, type TokenAdmin } from './bulk.ts'
import { confirmedInspect } from './confirmed.ts'
import { createFindWhileAway, type FindWhileAway } from './find-while-away.ts'
import { createHandOver, type HandOver } from './handover.ts'
import { createImportedTexts } from './imported.ts'
import { createTokenInserter, type InsertIssuedToken } from './insert-batch.ts'
import { createInspect, type Inspect } from './inspect.ts'
import { createListByUse, type ListTokensByUse } from './list-by-use.ts'
import { createMint, type Mint, type TakeStatusReference } from './mint.ts'
import { createTokenRecords } from './records.ts'
import { createRecoverRevocations, type RecoverRevocations } from './recover-revocations.ts'
import { createRemovedScopes, type ListRemovedScopes } from './removed-scopes.ts'
import { createTokenRevoker, type RevokeToken } from './revoke-batch.ts'
import { createTargets, type Targets } from './target.ts'
import { createTokens, type Tokens } from './tokens.ts'
import { createUsage, type Usage } from './usage.ts'
import { createVerifiers } from './verifiers.ts'

export interface TokenServices {
  tokens: Tokens
  /** Revokes one token, whoever's it is. */
  revokeToken: RevokeToken
  /** Revokes what resource servers know as revoked and a restored database lacks. */
  recoverRevocations: RecoverRevocations
  tokenAdmin: TokenAdmin
  listTokensByUse: ListTokensByUse
  /** Gives a token to another owner. */
  handOver: HandOver
  usage: Usage
  /** Scopes that unexpired tokens have and the catalogue no longer has. */
  removedScopes: ListRemovedScopes
  authenticate: Authenticate
  inspect: Inspect
  /** As `inspect`, also of users whom their application has not confirmed: for revocation, which never waits for it. */
  inspectUnconfirmed: Inspect
  findWhileAway: FindWhileAway
  /** Since the start of this process. */
  counters: { readonly issued: number }
  targets: Targets
  mint: Mint
  insertRow: InsertIssuedToken
}

export interface TokenServicesOptions {
  db: Database
  bus: InvalidationBus
  operations: Operations
  keys: Keys
  catalogue: Catalogue
  clients: Clients
  resources: Resources
  takeStatusReference: TakeStatusReference
  importSources: ImportSources
  config: Config
  mail: Mail
  ownUsers: OwnUsers
  log: Log
}

/** Close `usage` at the end. */
export function createTokenServices(options: TokenServicesOptions): TokenServices {
  const {
    db,
    bus,
    operations,
    keys,
    catalogue,
    clients,
    resources,
    takeStatusReference,
    importSources,
    mail,
    config,
    ownUsers,
    log,
  } = options
  const counters = { issued: 0 }
  const targets = createTargets({ resources, catalogue, config })
  const mint = createMint({ keys, takeStatusReference, config, onMint: () => void counters.issued++ })
  const insertRow = createTokenInserter(db, config)
  const revokeToken = createTokenRevoker(db, bus)
  const usage = createUsage({
    db,
    inherit: catalogue.inherit,
    onError: err => log.error({ err }, 'could not store when tokens were last used'),
  })
  const records = createTokenRecords(db, bus, catalogue, {
    cacheSize: config.cachedTokens,
    onUse: usage.noteScopes,
  })
  const adoptClaims = createAdoptClaims({ bus, catalogue, takeStatusReference })
  const imported = createImportedTexts(importSources, records, adoptClaims)
  const verifiers = createVerifiers({ bus, keys, config })
  const authenticate = createAuthenticate({
    bus,
    verifier: verifiers.own,
    records,
    usage,
    config,
    imported,
    ownUsers,
  })
  const inspect = createInspect({ bus, verifier: verifiers.any, records, config, imported })
  return {
    tokens: createTokens({ ...options, targets, mint, insertRow, revokeToken, usage }),
    revokeToken,
    recoverRevocations: createRecoverRevocations(db, bus),
    tokenAdmin: createTokenAdmin({ db, bus, operations, revokeToken }),
    listTokensByUse: createListByUse(db),
    handOver: createHandOver({ bus, catalogue, clients, mint, mail, ownUsers, config }),
    usage,
    removedScopes: createRemovedScopes(db, catalogue),
    authenticate,
    inspect: confirmedInspect(ownUsers, inspect),
    inspectUnconfirmed: inspect,
    findWhileAway: createFindWhileAway({ authenticate, inspect, config }),
    counters,
    targets,
    mint,
    insertRow,
  }
}

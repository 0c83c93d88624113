import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { isDefuse } from '../imported/defuse.ts'
import { loadRefreshHash, type RefreshHash } from '../imported/refresh-hash.ts'
import { createReadImportedRefresh } from '../imported/refresh-texts.ts'
import type { ImportSources } from '../imported/sources.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { hashSecret } from '../security/secrets.ts'
import { createBindRefresh } from './bind-refresh.ts'
import { isRefreshText } from './refresh-text.ts'

/**
 * The hash by which the row of a refresh token is found: that of its text, or of what a text of Passport contains.
 * @returns undefined for a text that cannot be a refresh token
 * @throws 503 if too many texts of Passport are being decrypted
 */
export type FindRefreshHash = (text: string) => Promise<Buffer | undefined>

export interface RefreshTextsOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  importSources: ImportSources
  keyRing: KeyRing
  config: Pick<Config, 'tokenPrefix'>
}

export function createFindRefreshHash(options: RefreshTextsOptions): FindRefreshHash {
  const { db, importSources, keyRing, config } = options
  const readImported = createReadImportedRefresh(importSources, keyRing)
  let refreshHash: RefreshHash | undefined
  const bind = createBindRefresh(options)

  async function hashOfEncrypted(text: string): Promise<Buffer | undefined> {
    const imported = await readImported(text)
    if (!imported || imported.expiresAt <= Date.now()) return undefined
    // It never changes, so it is loaded once.
    refreshHash ??= await loadRefreshHash(db, keyRing)
    await bind(imported, refreshHash)
    return refreshHash(imported.source.name, imported.id)
  }

  return async text => {
    if (isRefreshText(config.tokenPrefix, text)) return hashSecret(text)
    const sources = await importSources.all()
    if (sources.length === 0) return undefined
    return isDefuse(text) ? hashOfEncrypted(text) : hashSecret(text)
  }
}

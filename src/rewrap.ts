import type { InvalidationBus } from './cluster/invalidation-bus.ts'
import type { Database } from './database/database.ts'
import { refreshKeySecret, storeRefreshKey } from './imported/refresh-hash.ts'
import { sourceKeySecret } from './imported/refresh-texts.ts'
import { signingKeySecret } from './keys/key-wrapper.ts'
import { type EncryptedTexts, encryptedColumn, type Rewrap, rewrap } from './keys/rewrap.ts'
import { appKeyId, type KeyRing } from './security/key-ring.ts'
import { createListKeys, listKeySecret } from './status/list-keys.ts'
import { authenticatorAppSecret } from './users/factors/authenticator-apps.ts'

/** Everything in the database that is encrypted with `APP_KEY`. */
const TEXTS: readonly EncryptedTexts[] = [
  encryptedColumn(
    { name: 'signing keys', secret: signingKeySecret },
    { table: 'oauth_signing_keys', column: 'private_key', type: 'text', where: 'revoked_at is null' },
  ),
  encryptedColumn(
    { name: 'keys of status lists', secret: listKeySecret },
    { table: 'oauth_status_lists', column: 'permutation_key', type: 'int' },
  ),
  encryptedColumn(
    { name: 'keys of import sources', secret: sourceKeySecret },
    { table: 'oauth_import_sources', id: 'name', column: 'encrypted_key', type: 'text' },
  ),
  encryptedColumn(
    { name: 'secrets of authenticator apps', secret: authenticatorAppSecret },
    { table: 'authenticator_apps', id: 'user_id', column: 'encrypted_secret', type: 'uuid' },
  ),
  {
    name: 'keys of imported refresh tokens',
    secret: refreshKeySecret,
    first: '',
    select: `select name as id, value->>'key' as text from settings
      where name = 'imported_refresh_key' and name > ? limit ?`,
    update: `update settings set value = jsonb_build_object('key', ?::text) where name = ? and value->>'key' = ?`,
  },
]

export interface RewrapServices {
  db: Database
  bus: InvalidationBus
  keyRing: KeyRing
  appKey: string
}

export function createRewrap({ db, bus, keyRing, appKey }: RewrapServices): Rewrap {
  const storeDerived = async () => {
    await createListKeys(db, keyRing).storeAll()
    await storeRefreshKey(db, keyRing)
  }
  return () => rewrap({ db, bus, ring: keyRing, target: appKeyId(appKey), texts: TEXTS, storeDerived })
}

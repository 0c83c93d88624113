import { normalUri } from '../../packages/guard/src/audience.ts'
import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'

/** An API that tokens can be meant for. */
export interface Resource {
  /** In its registered form, which is what is signed. */
  uri: string
  /** Of its client; undefined: only the catalogue names it. */
  name: string | undefined
}

export interface Resources {
  /**
   * The registered form of a resource, whatever way it is written (RFC 3986 §6.2.2, §6.2.3).
   * @returns undefined when no client and no scope names it, nor is it the deployment's own audience
   */
  find(uri: string): Promise<string | undefined>
  /** By name, the registered ones first. */
  list(): Promise<Resource[]>
}

export interface ResourcesOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Pick<Config, 'issuer' | 'audience'>
}

/** Resource servers are few: the text of each is normalised here, since PostgreSQL cannot. */
const REGISTERED = `select name, audience as uri from oauth_clients where audience is not null and not revoked
  order by name, id`

export function createResources({ db, bus, catalogue, config }: ResourcesOptions): Resources {
  const own = [config.audience, config.issuer].map(uri => ({ uri, name: undefined }))
  const scopeResources = catalogue.scopes.flatMap(({ resource }) =>
    resource === undefined ? [] : [{ uri: resource, name: undefined }],
  )
  const cache = () => db.query<Resource & { name: string }>(REGISTERED)
  const byNormalUri = createCache<Resource>({
    bus,
    load: async normal => [...(await cache()), ...scopeResources].find(({ uri }) => normalUri(uri) === normal),
    clearsAll: change => change.kind === 'client',
  })

  return {
    async find(uri) {
      const normal = normalUri(uri)
      const found = own.find(each => normalUri(each.uri) === normal) ?? (await byNormalUri(normal))
      return found?.uri
    },
    async list() {
      const all = new Map<string, Resource>()
      for (const resource of [...(await cache()), ...scopeResources]) {
        const normal = normalUri(resource.uri)
        if (!all.has(normal)) all.set(normal, resource)
      }
      for (const { uri } of own) all.delete(normalUri(uri))
      return [...all.values()]
    },
  }
}

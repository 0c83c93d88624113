import { normalUri } from '../../packages/guard/src/audience.ts'
import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'

/** An API that tokens can be meant for. */
export interface Resource {
  /** Its registered form, which `aud` contains. */
  uri: string
  /** The name of its client; undefined if only the catalogue contains the resource. */
  name: string | undefined
}

export interface Resources {
  /**
   * Finds the registered form of a resource; URIs are compared in normal form (RFC 3986 §6.2.2, §6.2.3).
   * @returns undefined if it is neither the audience of a client, nor the resource of a scope, nor the deployment's audience
   */
  find(uri: string): Promise<string | undefined>
  /** Lists resources: those of clients by name, then those of the catalogue. */
  list(): Promise<Resource[]>
}

export interface ResourcesOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Pick<Config, 'issuer' | 'audience'>
}

/** Reads all resource servers, which are few, since PostgreSQL cannot normalize URIs. */
const REGISTERED = `select name, audience as uri from oauth_clients where audience is not null and not revoked
  order by name, id`

export function createResources({ db, bus, catalogue, config }: ResourcesOptions): Resources {
  const own = [config.audience, config.issuer].map(uri => ({ uri, name: undefined }))
  const scopeResources = catalogue.scopes.flatMap(({ resource }) =>
    resource === undefined ? [] : [{ uri: resource, name: undefined }],
  )
  const loadRegistered = () => db.query<Resource & { name: string }>(REGISTERED)
  const byNormalUri = createCache<Resource>({
    bus,
    load: async normal => [...(await loadRegistered()), ...scopeResources].find(({ uri }) => normalUri(uri) === normal),
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
      for (const resource of [...(await loadRegistered()), ...scopeResources]) {
        const normal = normalUri(resource.uri)
        if (!all.has(normal)) all.set(normal, resource)
      }
      for (const { uri } of own) all.delete(normalUri(uri))
      return [...all.values()]
    },
  }
}

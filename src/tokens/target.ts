import { isMeantFor, normalUri } from '../../packages/guard/src/audience.ts'
import type { Resources } from '../clients/resources.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { type AudienceConfig, defaultAudience, resourcesOf } from './audience.ts'

/** The scopes of a token and the `audience` of its row. */
export interface Target {
  scopes: string[]
  /** Resources in registered form, separated by spaces; null: it names none. */
  audience: string | null
}

/**
 * If `audience` names resources, removes scopes that belong to other resources. If it is null and some scopes belong to
 * resources, the audience becomes those resources.
 */
export type ResolveTarget = (scopes: readonly string[], audience: string | null) => Target

/** Resolves requested scopes and resources to the scopes and audience of a token. */
export interface Targets {
  /**
   * Resolves requested resources to the `audience` of a row, in registered form and without duplicates.
   * @param onUnknown creates the error for the unregistered resource at this index
   * @returns null if they are equivalent to naming no resource
   */
  resolve(resources: readonly string[], onUnknown: (index: number) => Error): Promise<string | null>
  /** Loads a resolver that makes no further database query, so that it can be used in a transaction. */
  loadResolver(): Promise<ResolveTarget>
  /** The scopes that belong to a resource outside this `audience`. */
  misplaced(scopes: readonly string[], audience: string | null): string[]
  /** Whether `granted` includes every resource of `audience`. */
  isWithin(audience: string | null, granted: string | null): boolean
}

export interface TargetsOptions {
  resources: Resources
  catalogue: Catalogue
  config: AudienceConfig
}

export function createTargets({ resources, catalogue, config }: TargetsOptions): Targets {
  const ownAudience = defaultAudience(config)
  const owners = new Map(catalogue.scopes.map(({ id, resource }) => [id, resource]))
  /** Every API accepts a token with the deployment's audience. */
  const isEverywhere = (audience: string | null) =>
    !config.requireResource && (audience === null || isMeantFor(resourcesOf(audience), [config.audience]))

  function toAudience(uris: readonly string[]): string | null {
    const unique = [...new Map(uris.map(uri => [normalUri(uri), uri])).values()]
    return unique.length === 1 && unique[0] === ownAudience ? null : unique.join(' ') || null
  }

  function misplaced(scopes: readonly string[], audience: string | null): string[] {
    if (isEverywhere(audience)) return []
    const audiences = audience === null ? [ownAudience] : resourcesOf(audience)
    return scopes.filter(scope => {
      const owner = owners.get(scope)
      return owner !== undefined && !isMeantFor(owner, audiences)
    })
  }

  return {
    misplaced,

    async resolve(owned, onUnknown) {
      const found: string[] = []
      // One after another: of thousands of unknown ones, which no cache holds, only the first is looked up.
      for (const [i, uri] of owned.entries()) {
        const registered = await resources.find(uri)
        if (registered === undefined) throw onUnknown(i)
        found.push(registered)
      }
      return toAudience(found)
    },

    async loadResolver() {
      const uris = [...new Set([...owners.values()].filter(uri => uri !== undefined))]
      const registeredForms = new Map(
        await Promise.all(uris.map(async uri => [uri, (await resources.find(uri)) ?? uri] as const)),
      )
      return (scopes, audience) => {
        if (audience === null) {
          const owned = scopes.map(scope => owners.get(scope)).filter(uri => uri !== undefined)
          return { scopes: [...scopes], audience: toAudience(owned.map(uri => registeredForms.get(uri) ?? uri)) }
        }
        const excluded = new Set(misplaced(scopes, audience))
        return { scopes: scopes.filter(scope => !excluded.has(scope)), audience }
      }
    },

    isWithin(audience, granted) {
      if (isEverywhere(granted)) return true
      const limit = granted === null ? [ownAudience] : resourcesOf(granted)
      return (audience === null ? [ownAudience] : resourcesOf(audience)).every(uri => isMeantFor(uri, limit))
    },
  }
}

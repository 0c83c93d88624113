import { isMeantFor, normalUri } from '../../packages/guard/src/audience.ts'
import type { Resources } from '../clients/resources.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { type AudienceConfig, defaultAudience, resourcesOf } from './audience.ts'

/** What a token is for: its scopes, and the `audience` of its row. */
export interface Target {
  scopes: string[]
  /** Resources in registered form, separated by spaces; null: it names none. */
  audience: string | null
}

/**
 * Where resources are named, scopes that belong to others are left out. Where none is named and scopes belong to
 * resources, the token is for these.
 */
export type ResolveTarget = (scopes: readonly string[], audience: string | null) => Target

/** Decides what a token is for that asks for scopes, names resources, or both. */
export interface Targets {
  /**
   * The `audience` of a row for resources that somebody names, each once and in registered form.
   * @param onUnknown called with the index of one that is not registered
   * @returns null where they come to the same as naming none
   */
  resolve(resources: readonly string[], onUnknown: (index: number) => Error): Promise<string | null>
  /** What brings scopes and resources together. It asks the database for nothing, so it may be used in a transaction. */
  loadResolver(): Promise<ResolveTarget>
  /** Those of the scopes that are of no use to a token with this `audience`, since they belong to another resource. */
  misplaced(scopes: readonly string[], audience: string | null): string[]
  /** Whether a token with `audience` is good nowhere that one with `granted` is not. */
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
  /** With the deployment's audience a token is good at every API. */
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
      const found = await Promise.all(owned.map(uri => resources.find(uri)))
      const unknown = found.indexOf(undefined)
      if (unknown >= 0) throw onUnknown(unknown)
      return toAudience(found as string[])
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

import { type FieldError, invalid } from '../errors/errors.ts'
import { resourcesOf } from './audience.ts'
import type { Target, Targets } from './target.ts'
import type { AccessToken } from './token.entity.ts'

/** What personal access tokens are for. */
export interface PersonalTarget {
  /**
   * @param resources URIs as its maker names them; undefined: none
   * @param scopesRequested whether its maker named the scopes too: defaults that belong to other resources are left out
   * @throws 422 for a resource that is not registered, a scope that belongs to another one
   */
  resolve(scopes: string[], resources: readonly string[] | undefined, scopesRequested: boolean): Promise<Target>
  /** @throws 422 for a new scope that belongs to a resource that the token is not for */
  assertWithinAudience(scopes: readonly string[], token: Pick<AccessToken, 'scopes' | 'audience'>): void
}

export function createPersonalTarget(targets: Targets): PersonalTarget {
  const unknown = (index: number) =>
    invalid({
      path: `resources/${index}`,
      message: 'is no registered API. Register it first: postern client create --name NAME --audience URI',
    })

  function assertWithinAudience(
    scopes: readonly string[],
    { scopes: before, audience }: Pick<AccessToken, 'scopes' | 'audience'>,
  ) {
    const wrong = targets.misplaced(scopes, audience).filter(scope => !before.includes(scope))
    if (wrong.length > 0) throw invalid(misplacedError(wrong, audience))
  }

  return {
    async resolve(scopes, resources, scopesRequested) {
      const audience = resources === undefined ? null : await targets.resolve(resources, unknown)
      if (audience !== null && scopesRequested) assertWithinAudience(scopes, { scopes: [], audience })
      return (await targets.loadResolver())(scopes, audience)
    },
    assertWithinAudience(scopes, token) {
      if (token.audience !== null) assertWithinAudience(scopes, token)
    },
  }
}

function misplacedError(scopes: readonly string[], audience: string | null): FieldError {
  const where = audience === null ? 'this server' : resourcesOf(audience).join(', ')
  return { path: 'scopes', message: `${scopes.join(', ')}: belongs to another API, and the token is for ${where} only` }
}

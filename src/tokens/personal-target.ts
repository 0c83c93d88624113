import { type FieldError, invalid } from '../errors/errors.ts'
import { resourcesOf } from './audience.ts'
import type { Target, Targets } from './target.ts'
import type { AccessToken } from './token.entity.ts'

/** Resolves the scopes and audience of personal access tokens. */
export interface PersonalTarget {
  /**
   * @param resources URIs as the user requested them; undefined: none
   * @param scopesRequested whether the user also requested the scopes. If not, `scopes` are the defaults, and those that
   *   belong to other resources are removed.
   * @throws 422 for an unregistered resource, or a requested scope that belongs to another resource
   */
  resolve(scopes: string[], resources: readonly string[] | undefined, scopesRequested: boolean): Promise<Target>
  /** @throws 422 for a new scope that belongs to a resource outside the token's audience */
  assertWithinAudience(scopes: readonly string[], token: Pick<AccessToken, 'scopes' | 'audience'>): void
}

export function createPersonalTarget(targets: Targets): PersonalTarget {
  const unknown = (index: number) =>
    invalid({
      path: `resources/${index}`,
      message: 'is not a registered API. Register it first: postern client create --name NAME --audience URI',
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
  return { path: 'scopes', message: `${scopes.join(', ')}: belongs to another API; the token is only for ${where}` }
}

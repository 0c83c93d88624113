import { isMeantFor } from '../audience.ts'
import { issuerUnavailable } from '../errors.ts'
import type { IssuerClient } from './issuer.ts'
import { issuerRefused } from './issuer-refusal.ts'
import type { Metadata } from './metadata.ts'
import type { Monitor } from './monitor.ts'

/** Whether a token with this `aud` is meant for this resource server. @throws PosternError 503 while the metadata cannot be loaded */
export type AcceptsAudience = (aud: unknown) => boolean | Promise<boolean>

export interface AudienceRule {
  accepts: AcceptsAudience
  /** The permanent reason why the guard accepts no token, if there is one. */
  readonly refusal: Error | undefined
}

/**
 * Accepts the resource server's own audiences and the `deployment_audience` of the issuer's metadata. A token for another
 * audience may mean that the deployment's audience has changed, so it triggers a background reload of the metadata.
 * @param own the resource server's audiences; undefined accepts only the deployment's
 */
export function createAudienceRule(
  own: string | readonly string[] | undefined,
  issuer: Pick<IssuerClient, 'metadata' | 'refresh' | 'onMetadata'>,
  monitor: Monitor,
): AudienceRule {
  const audiences = own === undefined ? [] : [own].flat()
  let refusal: Error | undefined

  async function isForDeployment(aud: unknown): Promise<boolean> {
    const { deployment_audience: deployment, previous_issuers: previous = [] } = await issuer.metadata()
    // The default audience is the issuer, so previous issuers are previous audiences.
    const accepted = deployment === undefined ? [] : [deployment, ...previous]
    if (isMeantFor(aud, accepted)) return true
    issuer.refresh()
    if (refusal) throw issuerUnavailable(refusal)
    return false
  }

  /** A guard without an audience of its own requires `deployment_audience`. */
  function checkMetadata({ deployment_audience: deployment }: Metadata): void {
    refusal = deployment === undefined && audiences.length === 0 ? issuerRefused(MISSING) : undefined
    if (refusal) monitor.failed('audience', refusal)
    else monitor.ok('audience')
  }

  issuer.onMetadata(checkMetadata)
  return {
    accepts: aud => isMeantFor(aud, audiences) || isForDeployment(aud),
    get refusal() {
      return refusal
    },
  }
}

const MISSING =
  "The issuer's metadata has no deployment_audience (REQUIRE_RESOURCE=on?). Set the guard's `audience` to the one that this API is registered with."

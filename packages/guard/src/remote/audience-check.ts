import { isMeantFor } from '../audience.ts'
import { issuerUnavailable } from '../errors.ts'
import type { IssuerClient } from './issuer.ts'
import { issuerRefused } from './issuer-refusal.ts'
import type { Metadata } from './metadata.ts'
import type { Monitor } from './monitor.ts'

/** Whether a token with this `aud` is meant for this resource server. @throws 503 when that cannot be found out */
export type AcceptsAudience = (aud: unknown) => boolean | Promise<boolean>

export interface AudienceRule {
  accepts: AcceptsAudience
  /** Why no token can be accepted, which waiting will not mend. */
  readonly refusal: Error | undefined
}

/**
 * Accepts the resource server's own audiences, and that of the whole deployment as the issuer's metadata states it. A
 * token for another one may be for what the deployment's audience has become: the metadata is then loaded again, beside.
 * @param own undefined: only the deployment's
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
    // Where no audience was set it is the issuer, and so was it before.
    const accepted = deployment === undefined ? [] : [deployment, ...previous]
    if (isMeantFor(aud, accepted)) return true
    issuer.refresh()
    if (refusal) throw issuerUnavailable(refusal)
    return false
  }

  /** Without an audience of its own the guard needs one there. */
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
  'The issuer states no deployment_audience (REQUIRE_RESOURCE=on?): give the guard the `audience` that this API is registered with.'

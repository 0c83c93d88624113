import { isMeantFor } from '../audience.ts'
import { issuerAway } from '../errors.ts'
import type { Metadata } from './issuer.ts'

/** Whether a token with this `aud` is meant for this resource server. @throws 503 when that cannot be found out */
export type Accepts = (aud: unknown) => boolean | Promise<boolean>

/**
 * Accepts the resource server's own audiences, and that of the whole deployment as the issuer's metadata states it.
 * @param own undefined: only the deployment's
 */
export function createAccepts(own: string | readonly string[] | undefined, metadata: () => Promise<Metadata>): Accepts {
  const audiences = own === undefined ? [] : [own].flat()

  async function isForDeployment(aud: unknown): Promise<boolean> {
    const { deployment_audience: deployment } = await metadata()
    if (deployment !== undefined) return isMeantFor(aud, [deployment])
    if (audiences.length > 0) return false
    throw issuerAway(new Error(MISSING))
  }

  return aud => isMeantFor(aud, audiences) || isForDeployment(aud)
}

const MISSING =
  'The issuer states no deployment_audience (REQUIRE_RESOURCE=on?): give the guard the `audience` that this API is registered with.'

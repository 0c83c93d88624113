import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Config } from '../config/config.ts'

/** What decides where a token is good that names no resource. */
export type AudienceConfig = Pick<Config, 'issuer' | 'audience' | 'requireResource'>

/** The resources in a row's `audience`, which are separated by spaces: a URI has none. */
export const resourcesOf = (audience: string): string[] => audience.split(' ')

/** Where a token is good that names no resource: at the whole deployment, or at the issuer only. */
export const defaultAudience = ({ issuer, audience, requireResource }: AudienceConfig): string =>
  requireResource ? issuer : audience

/** The `aud` of a token whose row has this `audience`. */
export const audienceOf = (audience: string | null, config: AudienceConfig): string[] =>
  audience === null ? [defaultAudience(config)] : resourcesOf(audience)

/** Whether the issuer's own API accepts a token with this `aud`. */
export const isMeantForIssuer = (aud: readonly string[], { issuer, audience }: AudienceConfig): boolean =>
  isMeantFor(aud, [audience, issuer])

/**
 * Whether an API registered under `audience` accepts a token with this `aud`: its own, or that of the whole deployment.
 * @param audience null: the client is no resource server
 */
export function isMeantForResourceServer(
  aud: readonly string[],
  audience: string | null,
  config: AudienceConfig,
): boolean {
  if (audience === null) return false
  return isMeantFor(aud, config.requireResource ? [audience] : [audience, config.audience])
}

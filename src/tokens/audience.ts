import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Config } from '../config/config.ts'

/** The settings that determine the audience of a token that names no resource. */
export type AudienceConfig = Pick<Config, 'issuer' | 'audience' | 'requireResource'>

/** The resources in a row's `audience`. They are separated by spaces, which a URI cannot contain. */
export const resourcesOf = (audience: string): string[] => audience.split(' ')

/** The audience of a token that names no resource: the whole deployment, or only the issuer. */
export const defaultAudience = ({ issuer, audience, requireResource }: AudienceConfig): string =>
  requireResource ? issuer : audience

/** The `aud` of a token whose row has this `audience`. */
export const audienceOf = (audience: string | null, config: AudienceConfig): string[] =>
  audience === null ? [defaultAudience(config)] : resourcesOf(audience)

/** Whether the issuer's own API accepts a token with this `aud`. */
export const isMeantForIssuer = (aud: readonly string[], { issuer, audience }: AudienceConfig): boolean =>
  isMeantFor(aud, [audience, issuer])

/**
 * Whether an API registered under `audience` accepts a token with this `aud`. It accepts its own audience and the
 * deployment's audience.
 * @param audience null: the client is not a resource server
 */
export function isMeantForResourceServer(
  aud: readonly string[],
  audience: string | null,
  config: AudienceConfig,
): boolean {
  if (audience === null) return false
  return isMeantFor(aud, config.requireResource ? [audience] : [audience, config.audience])
}

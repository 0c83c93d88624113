import {
  checkOptions,
  isBoolean,
  isIssuer,
  isNonEmptyString,
  isNonNegative,
  isPositiveInteger,
  isUriOrList,
  renamedTo,
  requireOptions,
} from '../options.ts'
import type { Credentials } from './http.ts'

export interface RemoteOptions {
  /** As it stands in the metadata; a slash at its end makes no difference. */
  issuer: string
  /**
   * The URI of this resource server, or several. Tokens for the whole deployment are accepted too. Omitted: only these,
   * by the `deployment_audience` of the issuer's metadata.
   */
  audience?: string | readonly string[]
  /** With a client of its own the guard follows the feed and may introspect. */
  clientId?: string | undefined
  clientSecret?: string | undefined
  /** How long a token is accepted on what was last known of it while the issuer cannot be reached. Default 60. */
  maxStalenessSeconds?: number
  /** The catalogue of the issuer lets `a` grant `a:b`. */
  inherit?: boolean
  /** Tokens held in memory at most. Default 100,000. */
  cacheSize?: number
  /** Tells the issuer, every ten seconds, when tokens were last used here and which scopes were asked for. Default false. */
  reportUsage?: boolean
}

const RULES = {
  issuer: isIssuer,
  audience: isUriOrList,
  clientId: isNonEmptyString,
  clientSecret: isNonEmptyString,
  maxStalenessSeconds: isNonNegative,
  inherit: isBoolean,
  cacheSize: isPositiveInteger,
  reportUsage: isBoolean,
  maxStaleness: renamedTo('maxStalenessSeconds'),
  remember: renamedTo('cacheSize'),
}

/**
 * Checked when the guard is made: what is found out with the first token is found out too late.
 * @param where the function that was called, for the message
 * @throws TypeError for an option that is given and says nothing, and for half a client
 */
export function checkRemoteOptions(where: string, options: object): void {
  checkOptions(where, options, RULES)
  requireOptions(where, options, ['issuer'])
  if ('clientId' in options !== 'clientSecret' in options) {
    const missing = 'clientId' in options ? 'clientSecret' : 'clientId'
    throw new TypeError(`${where}: ${missing} is missing. The guard needs clientId and clientSecret, or neither.`)
  }
}

/** Those of the guard's client, if it has one. */
export function credentialsOf({ clientId, clientSecret }: RemoteOptions): Credentials | undefined {
  return clientId && clientSecret ? { clientId, clientSecret } : undefined
}

/** @throws TypeError that names the option which needs a client */
export function credentialsMissing(option: string): never {
  throw new TypeError(`${option} needs clientId and clientSecret.`)
}

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

/** How a guard reaches its issuer. */
export interface RemoteOptions {
  /** The issuer, as in its metadata (RFC 8414 §2). A trailing slash makes no difference. */
  issuer: string
  /**
   * The URI of this resource server, or several. Tokens for the whole deployment (`deployment_audience` of the issuer's
   * metadata) are accepted too. Default: tokens for the whole deployment only.
   */
  audience?: string | readonly string[]
  /** The client of this resource server. With it the guard follows the event feed and introspects opaque tokens. */
  clientId?: string | undefined
  clientSecret?: string | undefined
  /** How long the guard relies on the last known status of a token while the issuer cannot be reached. Default 60. */
  maxStalenessSeconds?: number
  /** Whether `a` grants `a:b`, as in the issuer's catalogue. Default false. */
  inherit?: boolean
  /** The maximum number of tokens in memory. Default 100,000. */
  cacheSize?: number
  /**
   * Whether the guard reports to the issuer, every ten seconds, when tokens were last used here and for which scopes. Requires
   * a client. Default false.
   */
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
 * Validates the options when the guard is created, not with the first token.
 * @param where the called function, for the message
 * @throws TypeError for a missing or empty option, and for clientId without clientSecret or the reverse
 */
export function checkRemoteOptions(where: string, options: object): void {
  checkOptions(where, options, RULES)
  requireOptions(where, options, ['issuer'])
  if ('clientId' in options !== 'clientSecret' in options) {
    const missing = 'clientId' in options ? 'clientSecret' : 'clientId'
    throw new TypeError(`${where}: ${missing} is missing. Set both clientId and clientSecret, or neither.`)
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

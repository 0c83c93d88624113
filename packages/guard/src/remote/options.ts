import {
  checkOptions,
  isBoolean,
  isIssuer,
  isNonEmptyString,
  isNonNegative,
  isPositiveInteger,
  isUriOrList,
  requireOptions,
} from '../options.ts'

const RULES = {
  issuer: isIssuer,
  audience: isUriOrList,
  clientId: isNonEmptyString,
  clientSecret: isNonEmptyString,
  maxStaleness: isNonNegative,
  inherit: isBoolean,
  cacheSize: isPositiveInteger,
  reportUsage: isBoolean,
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

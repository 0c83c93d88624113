import {
  checkOptions,
  isAmount,
  isBoolean,
  isCount,
  isIssuer,
  isText,
  isUriOrList,
  requireOptions,
} from '../options.ts'

const RULES = {
  issuer: isIssuer,
  audience: isUriOrList,
  clientId: isText,
  clientSecret: isText,
  maxStaleness: isAmount,
  inherit: isBoolean,
  remember: isCount,
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

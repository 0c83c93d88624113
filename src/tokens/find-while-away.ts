import type { Authenticate } from '../../packages/guard/src/requirements.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { PosternError } from '../errors/errors.ts'
import { type AudienceConfig, isMeantForIssuer, resourcesOf } from './audience.ts'
import { actAs } from './authenticate.ts'
import type { Inspect } from './inspect.ts'
import { refusalReason } from './records.ts'

/**
 * Finds a token that is refused for one reason only: the application that its user belongs to does not answer. Such a token may
 * revoke itself, and nothing else.
 * @returns undefined for any other text
 * @example const token = await findWhileAway(bearerText(request))
 */
export type FindWhileAway = (text: string) => Promise<Token | undefined>

export interface FindWhileAwayOptions {
  authenticate: Authenticate
  /** Asks no application. */
  inspect: Inspect
  config: AudienceConfig
}

export function createFindWhileAway({ authenticate, inspect, config }: FindWhileAwayOptions): FindWhileAway {
  const isAway = async (text: string) => {
    try {
      await authenticate(text)
      return false
    } catch (error) {
      return error instanceof PosternError && error.status === 503
    }
  }

  return async text => {
    if (!(await isAway(text))) return undefined
    const record = (await inspect(text))?.record
    if (!record || refusalReason(record) !== undefined) return undefined
    const { audience, token } = record
    return audience === null || isMeantForIssuer(resourcesOf(audience), config) ? actAs(token) : undefined
  }
}

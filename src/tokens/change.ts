import type { Token } from '../../packages/guard/src/token.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { validateName } from '../text/name.ts'
import type { Limits } from './limits.ts'
import type { TokenOwner } from './owner.ts'
import { publishTokenChange } from './parent.ts'
import type { PersonalTarget } from './personal-target.ts'
import { assertLive } from './rotate.ts'
import type { AccessToken } from './token.entity.ts'

export interface TokenChange {
  name?: string | undefined
  scopes?: readonly string[] | undefined
  suspended?: boolean | undefined
}

export type ChangeToken = (
  user: TokenOwner,
  id: string,
  change: TokenChange,
  issuingToken?: Token,
) => Promise<AccessToken>

export interface ChangeOptions {
  bus: InvalidationBus
  limits: Limits
  personalTarget: PersonalTarget
  find(userId: string, id: string, em: Em): Promise<AccessToken>
}

/** Changes name, scopes and suspension of a personal access token. */
export function createChange({ bus, limits, personalTarget, find }: ChangeOptions): ChangeToken {
  const { scopesFor, assertNotOutlasting } = limits
  return (user, id, { name, scopes, suspended }, issuingToken) =>
    bus.transaction(async (em, publish) => {
      const token = await find(user.id, id, em)
      assertLive(token)
      const newScopes = scopes && scopesFor(user, scopes, issuingToken, token.scopes)
      if (newScopes) personalTarget.assertWithinAudience(newScopes, token)
      if (newScopes && issuingToken) assertNotOutlasting(issuingToken, token, newScopes)
      if (newScopes) Object.assign(token, { scopes: newScopes, changed: true })
      if (name !== undefined) token.name = validateName(name)
      if (suspended !== undefined) token.suspended = suspended
      token.updatedAt = new Date()
      await publishTokenChange(em, publish, token.id)
      writeAudit(em, {
        kind: 'token.changed',
        tokenId: token.id,
        userId: user.id,
        clientId: token.client,
        details: { name, scopes, suspended },
      })
      return token
    })
}

import type { Token } from '../../packages/guard/src/token.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Clients } from '../clients/clients.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { checkAll } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import { validateName } from '../text/name.ts'
import { assertCovers, type Limits } from './limits.ts'
import { assertMayIssue } from './may-issue.ts'
import type { AuthorizeFor, TokenOwner } from './owner.ts'
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
  precondition?: Precondition<AccessToken>,
  authorize?: AuthorizeFor,
) => Promise<AccessToken>

export interface ChangeOptions {
  bus: InvalidationBus
  clients: Clients
  limits: Limits
  personalTarget: PersonalTarget
  find(userId: string, id: string, em: Em): Promise<AccessToken>
}

/** Changes name, scopes and suspension of a personal access token. */
export function createChange({ bus, clients, limits, personalTarget, find }: ChangeOptions): ChangeToken {
  const { scopesFor, assertNotOutlasting } = limits
  return async (user, id, { name, scopes, suspended }, issuingToken, precondition, authorize) => {
    if (suspended === false && issuingToken) await assertMayIssue(issuingToken, clients)
    return bus.transaction(async (em, publish) => {
      await authorize?.(em)
      const token = await find(user.id, id, em)
      precondition?.(token)
      assertLive(token)
      const { newName, newScopes } = checkAll({
        newName: () => (name === undefined ? undefined : validateName(name)),
        newScopes: () => {
          const resolved = scopes && scopesFor(user, scopes, issuingToken, token.scopes)
          if (resolved) personalTarget.assertWithinAudience(resolved, token)
          return resolved
        },
      })
      if (newScopes && issuingToken && !authorize) assertNotOutlasting(issuingToken, token, newScopes)
      if (newScopes) Object.assign(token, { scopes: newScopes, changed: true })
      if (newName !== undefined) token.name = newName
      // A token that works again has its scopes as if it were issued now.
      if (suspended === false && token.suspended && issuingToken) assertCovers(issuingToken, token.scopes)
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
}

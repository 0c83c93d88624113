import { insufficientScope } from '../../packages/guard/src/errors.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import { forbidden } from '../errors/errors.ts'
import { TOKENS_ROTATE } from '../scopes/catalogue.ts'
import type { AccessToken } from './token.entity.ts'

/**
 * A token that was given to an app issues and rotates no personal tokens, which would outlive what the app was given,
 * unless an operator allowed it to the app.
 * @throws 403
 */
export async function assertMayIssue(within: Token, clients: Clients): Promise<void> {
  if (within.clientId === (await clients.personalAccess()).id) return
  if ((await clients.find(within.clientId)).issuesPersonalTokens) return
  throw forbidden(
    'Only a personal access token issues or rotates personal ones; this one was given to an app. ' +
      'An operator may allow it to the app: issues_personal_tokens of its client.',
  )
}

const RIGHTS = [TOKENS_ROTATE, 'tokens:write'] as const

/**
 * A token rotates itself with `tokens:rotate`; whoever has `tokens:write` could issue a new one. A token from before there
 * were families had no need of either, and goes on so (docs/adr/0046-lineage.md).
 * @throws 403 that names the scope
 */
export function assertMayRotateItself(token: Token, { family }: AccessToken): void {
  if (family === null || RIGHTS.some(scope => token.can(scope))) return
  throw insufficientScope('all', [TOKENS_ROTATE], token.scopes, [TOKENS_ROTATE])
}

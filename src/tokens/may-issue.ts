import { insufficientScope } from '../../packages/guard/src/errors.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import { forbidden } from '../errors/errors.ts'
import { TOKENS_ROTATE } from '../scopes/catalogue.ts'
import { clientRowOf } from './records.ts'
import type { AccessToken } from './token.entity.ts'

/**
 * Rejects a token that was issued to an app. Personal tokens that it issues or rotates could outlive the app's own
 * authorization, so an operator must have allowed this for the client.
 * @throws 403
 */
export async function assertMayIssue(within: Token, clients: Clients): Promise<void> {
  const clientId = clientRowOf(within)
  if (clientId === (await clients.personalAccess()).id) return
  if ((await clients.find(clientId)).issuesPersonalTokens) return
  throw forbidden(
    'Only a personal access token can issue or rotate personal access tokens; this token was issued to an app. ' +
      'An operator can allow it by setting issues_personal_tokens of the client.',
  )
}

const RIGHTS = [TOKENS_ROTATE, 'tokens:write'] as const

/**
 * A token needs `tokens:rotate` to rotate itself, or `tokens:write`, with which it could issue a new token anyway. A token
 * issued before token families existed needs neither (docs/adr/0046-lineage.md).
 * @throws 403 that names the scope
 */
export function assertMayRotateItself(token: Token, { family }: AccessToken): void {
  if (family === null || RIGHTS.some(scope => token.can(scope))) return
  throw insufficientScope('all', [TOKENS_ROTATE], token.scopes, [TOKENS_ROTATE])
}

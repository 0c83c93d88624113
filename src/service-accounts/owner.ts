import { Token } from '../../packages/guard/src/token.ts'
import { conflict, notFound } from '../errors/errors.ts'
import { limitScopes } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { assertMayGrant } from '../tokens/limits.ts'
import type { AuthorizeFor } from '../tokens/owner.ts'
import { userOfToken } from '../tokens/records.ts'
import { isMaintainer, lockAccount } from '../users/maintainers.ts'
import type { ServiceAccounts } from './accounts.ts'
import type { Account } from './read.ts'

/** A service account, and what limits who issues, changes and rotates its tokens. */
export interface AccountOwner {
  account: Account
  /** Options of `issuePersonal` and `rotate`. */
  limits: { issuingToken?: Token; authorize?: AuthorizeFor; withinQuota?: boolean }
  /** @throws 403 for administrative scopes that an administrator's own token lacks */
  assertMayGrant(scopes: readonly string[]): void
}

export interface MaintainerOptions {
  serviceAccounts: Pick<ServiceAccounts, 'find'>
  catalogue: Pick<Catalogue, 'inherit'>
}

/**
 * The account as one of its maintainers sees it. Its tokens get only scopes of the token of that person, or with a session
 * those that the person may have. Whether the person still looks after the account is checked again in the transaction.
 * @throws 404 if the person does not look after it
 */
export async function asMaintainer(
  { serviceAccounts, catalogue }: MaintainerOptions,
  id: string,
  userId: string,
  token: Token,
): Promise<AccountOwner> {
  const account = await serviceAccounts.find(id, userId)
  const issuingToken = withinLimit(token, catalogue.inherit)
  const authorize: AuthorizeFor = async em => {
    await lockAccount(em, account.id)
    if (!(await isMaintainer(em, account.id, userId))) throw notFound('service account')
  }
  return { account, limits: { issuingToken, authorize, withinQuota: true }, assertMayGrant: () => {} }
}

/** A session has every scope. A limit of the person's groups applies to what it grants, since that outlasts the person. */
function withinLimit(token: Token, inherit: boolean): Token {
  const scopes = limitScopes(token.scopes, userOfToken(token)?.allowedScopes, inherit)
  if (token.scopes.every(scope => scopes.includes(scope))) return token
  const { id, userId, clientId, expiresAt } = token
  return new Token({ id, userId, clientId, scopes, expiresAt, inherit })
}

/** The account as an administrator sees it. */
export async function asAdministrator(
  accounts: Pick<ServiceAccounts, 'find'>,
  id: string,
  token: Token,
): Promise<AccountOwner> {
  const account = await accounts.find(id)
  return { account, limits: {}, assertMayGrant: scopes => assertMayGrant(token, scopes) }
}

/** @throws 409 */
export function assertEnabled({ disabledAt }: Account): void {
  if (disabledAt) throw conflict('The service account is disabled: an administrator can enable it.')
}

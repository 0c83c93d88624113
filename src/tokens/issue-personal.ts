import type { Token } from '../../packages/guard/src/token.ts'
import { getActor } from '../audit/actor.ts'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { checkAllAsync, conflict } from '../errors/errors.ts'
import type { Mail } from '../mail/mail.ts'
import { isPowerful } from '../scopes/reserved.ts'
import { validateName } from '../text/name.ts'
import { assertSamePassword, assertStillSignedIn } from '../users/sessions.ts'
import type { User } from '../users/user.entity.ts'
import { insertToken } from './insert.ts'
import type { InsertIssuedToken } from './insert-batch.ts'
import type { Limits } from './limits.ts'
import { assertMayIssue } from './may-issue.ts'
import type { IssuedToken, Mint } from './mint.ts'
import { type AuthorizeFor, issuerOf, RIGHT_LOST, type TokenOwner } from './owner.ts'
import type { PersonalTarget } from './personal-target.ts'
import { assertTokenQuota } from './quota.ts'

export interface NewToken {
  user: TokenOwner
  name: string
  /** Default: the catalogue's default scopes. */
  scopes?: readonly string[] | undefined
  /** Default: after the configured lifetime of personal tokens. */
  expiresAt?: Date | undefined
  format?: TokenFormat | undefined
  /** URIs of the APIs that it is for. Default: every API, or those that its scopes belong to. */
  resources?: readonly string[] | undefined
  /** The token that makes the request. The new token gets only scopes that it has, and expires no later. */
  issuingToken?: Token | undefined
  /** For a token of a service account that the person of `issuingToken` asks for. */
  authorize?: AuthorizeFor | undefined
  /** The user whose password the request contains, as it was when the password was checked. */
  byPassword?: Pick<User, 'id' | 'passwordHash'> | undefined
  /** Whether the user's quota applies. It does for tokens that users issue, not for those that operators issue. */
  withinQuota?: boolean
}

export type IssuePersonal = (input: NewToken) => Promise<IssuedToken>

export interface IssuePersonalOptions {
  db: Database
  clients: Clients
  limits: Limits
  personalTarget: PersonalTarget
  mint: Mint
  insertRow: InsertIssuedToken
  mail: Mail
  config: Pick<Config, 'tokensPerUser'>
}

/** Issues a personal access token: resolves scopes, resources and expiry, mints the token and stores its row. */
export function createIssuePersonal(options: IssuePersonalOptions): IssuePersonal {
  const { db, clients, limits, personalTarget, mint, insertRow, mail, config } = options
  const { scopesFor, expiryFor, familyEnd } = limits
  /** The owner of a token that can change the account is told by mail, in the transaction that inserts the row. */
  async function insert(
    { token }: IssuedToken,
    {
      issuingTokenId,
      limit,
      authorize,
      byPassword,
    }: { issuingTokenId?: string | undefined; limit: number | undefined } & Pick<NewToken, 'authorize' | 'byPassword'>,
  ) {
    const scopes = token.scopes.filter(isPowerful)
    const isTold = mail.enabled && scopes.length > 0
    const isByPerson = getActor().sessionId !== null || byPassword !== undefined
    if (!isTold && !authorize && !isByPerson) return insertRow(token, issuingTokenId, limit)
    return db.transaction(async em => {
      await authorize?.(em)
      if (!(await insertToken(em, token, { issuingTokenId, limit }))) return false
      // The user is locked by now.
      await assertStillSignedIn(em)
      if (byPassword) await assertSamePassword(em, byPassword)
      if (isTold)
        await mail.enqueue(em, 'reserved_token', { user: token.user as string, name: token.name as string, scopes })
      return true
    })
  }

  return async input => {
    const { user, name, scopes, expiresAt, format, resources, issuingToken, authorize, withinQuota = false } = input
    if (issuingToken) await assertMayIssue(issuingToken, clients)
    const client = await clients.personalAccess()
    const bound = authorize ? undefined : issuingToken
    const { target, ...checked } = await checkAllAsync({
      name: async () => validateName(name),
      target: async () =>
        personalTarget.resolve(scopesFor(user, scopes, issuingToken), resources, scopes !== undefined),
      expiresAt: async () => expiryFor(expiresAt, bound),
    })
    const issued = await mint({
      user: user.id,
      subject: user.subject,
      client: client.id,
      ...checked,
      ...target,
      format: format ?? client.tokenFormat,
      issuedBy: issuerOf(bound),
      familyExpiresAt: familyEnd(bound),
    })
    const limit = withinQuota ? config.tokensPerUser : undefined
    if (await insert(issued, { issuingTokenId: issuingToken?.id, limit, authorize, byPassword: input.byPassword }))
      return issued
    if (limit !== undefined) await assertTokenQuota(db.query, issued.token, limit)
    throw conflict(RIGHT_LOST)
  }
}

import type { Token } from '../../packages/guard/src/token.ts'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { validateName } from '../text/name.ts'
import type { InsertIssuedToken } from './insert-batch.ts'
import type { Limits } from './limits.ts'
import { assertMayIssue } from './may-issue.ts'
import type { IssuedToken, Mint } from './mint.ts'
import { issuerOf, RIGHT_LOST, type TokenOwner } from './owner.ts'
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
  config: Pick<Config, 'tokensPerUser'>
}

/** Issues a personal access token: resolves scopes, resources and expiry, mints the token and stores its row. */
export function createIssuePersonal(options: IssuePersonalOptions): IssuePersonal {
  const { db, clients, limits, personalTarget, mint, insertRow, config } = options
  const { scopesFor, expiryFor, familyEnd } = limits
  return async ({ user, name, scopes, expiresAt, format, resources, issuingToken, withinQuota = false }) => {
    if (issuingToken) await assertMayIssue(issuingToken, clients)
    const client = await clients.personalAccess()
    const issued = await mint({
      user: user.id,
      client: client.id,
      name: validateName(name),
      ...(await personalTarget.resolve(scopesFor(user, scopes, issuingToken), resources, scopes !== undefined)),
      format: format ?? client.tokenFormat,
      expiresAt: expiryFor(expiresAt, issuingToken),
      issuedBy: issuerOf(issuingToken),
      familyExpiresAt: familyEnd(issuingToken),
    })
    const limit = withinQuota ? config.tokensPerUser : undefined
    if (await insertRow(issued.token, issuingToken?.id, limit)) return issued
    if (limit !== undefined) await assertTokenQuota(db, issued.token, limit)
    throw conflict(RIGHT_LOST)
  }
}

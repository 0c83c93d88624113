import type { Static } from 'typebox'
import type { Token } from '../../packages/guard/src/token.ts'
import { conflict, undefinedIfNotFound } from '../errors/errors.ts'
import type { SignOut } from '../grants/sign-out.ts'
import { type PageQuery, page } from '../http/paging.ts'
import type { OperationOptions, OperationProgress } from '../operations/operations.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { assertMayGrant } from '../tokens/limits.ts'
import { listFilter, type TokenFilter, type TokenQuery } from '../tokens/list.ts'
import { newToken } from '../tokens/request.ts'
import { type IssueForUserBody, type TokenSchema, toToken } from '../tokens/schemas.ts'
import type { ListedToken } from '../tokens/token.entity.ts'
import type { IssuedToken, Tokens } from '../tokens/tokens.ts'
import type { Usage } from '../tokens/usage.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { User } from '../users/user.entity.ts'

export type TokenData = Static<typeof TokenSchema>

/** A new token as `POST /api/tokens` answers it, and its user. */
export interface IssuedOwnToken {
  /** The plain text, which exists nowhere else. */
  token: string
  data: TokenData
  user: User
}

export type OwnTokenQuery = PageQuery & TokenFilter & Pick<TokenQuery, 'sort'>

/** The tokens of an application's users, by the ids there. Each throws 422 for an invalid id. */
export interface OwnTokens {
  /**
   * Issues a personal access token, and creates the row of the user at first use.
   * @throws 404 if the application has no such user; 409 if the user is disabled; 422; 503 if the application does not answer
   */
  issue(subject: string, body: IssueForUserBody): Promise<IssuedOwnToken>
  /** Lists the tokens of a user; none of a user that was never used here. */
  list(
    subject: string,
    query: OwnTokenQuery,
  ): Promise<{ data: TokenData[]; meta: { limit: number; next_cursor: string | null } }>
  /**
   * @param overlap seconds that the old token stays valid
   * @param granting the token that requests it, which must have the administrative scopes of the old one
   * @throws as `issue`, and what `POST /api/tokens/{id}/rotate` answers; 403
   */
  rotate(subject: string, id: string, overlap?: number, granting?: Token): Promise<IssuedOwnToken>
  /** @returns how many tokens were revoked; 0: it was already @throws 404 */
  revoke(subject: string, id: string): Promise<number>
  /** Revokes the personal tokens of a user. Call it again to continue. @param timeoutMs default: no limit */
  revokeAll(subject: string, options?: OperationOptions): Promise<OperationProgress>
  /**
   * Disables a user for good: ends all sessions, revokes every access and refresh token, and forgets what the user consented
   * to. The id stays, so that the audit trail names it. Call it again to continue.
   */
  remove(subject: string, options?: OperationOptions): Promise<OperationProgress>
}

export interface OwnTokensOptions {
  ownUsers: OwnUsers
  tokens: Tokens
  usage: Pick<Usage, 'lastUse'>
  catalogue: Pick<Catalogue, 'unknown'>
  forgetUser: SignOut
}

export function createOwnTokens({ ownUsers, tokens, usage, catalogue, forgetUser }: OwnTokensOptions): OwnTokens {
  const show = (token: ListedToken) => toToken(catalogue, token, usage.lastUse(token))

  const toIssued = ({ plainText, token }: IssuedToken, user: User): IssuedOwnToken => ({
    token: plainText,
    data: toToken(catalogue, token),
    user: ownUsers.describeNow(user),
  })

  async function liveUser(subject: string): Promise<User> {
    const user = await ownUsers.ensure(subject)
    if (user.disabledAt) throw conflict('The user is disabled: enable it before issuing tokens for it.')
    return user
  }

  /** The row of a user who may never have been used here; undefined: then there is nothing to list or revoke. */
  const known = (subject: string) => ownUsers.find(subject).catch(undefinedIfNotFound)

  return {
    async issue(subject, body) {
      const user = await liveUser(subject)
      return toIssued(await tokens.issuePersonal({ ...newToken(body), user }), user)
    },
    async list(subject, query) {
      const user = await known(subject)
      const fetch = async (asked: { limit: number; after: string | undefined }) => {
        return user ? tokens.list(user.id, { ...asked, ...listFilter(query) }) : []
      }
      return page(query, fetch, show)
    },
    async rotate(subject, id, overlapSeconds, granting) {
      const user = await liveUser(subject)
      if (granting) assertMayGrant(granting, (await tokens.find(user.id, id)).scopes)
      return toIssued(await tokens.rotate(user, id, { overlapSeconds }), user)
    },
    revoke: async (subject, id) => tokens.revoke((await ownUsers.find(subject)).id, id),
    async revokeAll(subject, options) {
      const user = await known(subject)
      return user ? tokens.revokeAll(user.id, options) : { count: 0, complete: true }
    },
    async remove(subject, options) {
      // First, so that nothing new is issued meanwhile. A user that was never used here could be used later.
      const { id } = await ownUsers.disable(subject)
      return forgetUser(id, options)
    },
  }
}

import { checkOptions, isNonEmptyString, optional } from '../../packages/guard/src/options.ts'
import type { IssueForUserBody } from '../tokens/schemas.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { User } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import type { OwnTokenQuery, OwnTokens, TokenData } from './own-tokens.ts'

/** A user of the application: its id there. */
export interface OfUser {
  user: string
}

/** A token to issue; `expires_in` is in seconds. */
export type NewOwnToken = OfUser & {
  [Name in keyof Omit<IssueForUserBody, 'device_name'>]: IssueForUserBody[Name] | undefined
}

/** As `POST /api/tokens` answers, without the user. */
export interface IssuedData {
  /** The plain text, which exists nowhere else. */
  token: string
  data: TokenData
}

/** Tokens, also by the ids of the users of an application. */
export interface PosternTokens extends Omit<Tokens, 'list' | 'rotate' | 'revoke' | 'revokeAll'> {
  /**
   * Issues a personal access token for a user of the application.
   * @throws 404 if `users.find` finds no such user; 409 if the user is disabled; 422; 503 if `users.find` fails
   * @example const { token, data } = await postern.tokens.issue({ user: '42', name: 'ci', scopes: ['orders:read'] })
   */
  issue(input: NewOwnToken): Promise<IssuedData>
  /** Lists the tokens of a user of the application, as `GET /api/tokens` does. */
  list: Tokens['list'] & ((query: OfUser & OwnTokenQuery) => ReturnType<OwnTokens['list']>)
  /** Replaces a token of a user of the application. `overlap`: seconds that the old one stays valid. */
  rotate: Tokens['rotate'] & ((input: OfUser & { id: string; overlap?: number }) => Promise<IssuedData>)
  /** Revokes a token of a user of the application. @returns how many tokens were revoked */
  revoke: Tokens['revoke'] & ((input: OfUser & { id: string }) => Promise<number>)
  /** Revokes all personal tokens of a user of the application. */
  revokeAll: Tokens['revokeAll'] & ((input: OfUser) => ReturnType<Tokens['revokeAll']>)
}

/** Users. With the option `users`, `disable`, `enable` and `remove` take the ids of the application. */
export interface PosternUsers extends Users {
  /** Rejects all tokens and sessions of the user, here and at every guard. @throws 409 for the last administrator */
  disable(id: string): Promise<User>
  enable(id: string): Promise<User>
  /** Disables a user of the application, revokes every token and forgets every consent. */
  remove(id: string): Promise<void>
}

export interface InProcessOptions {
  users: Users
  tokens: Tokens
  ownUsers: OwnUsers
  ownTokens: OwnTokens
  /** Whether the application has given its users. */
  given: boolean
}

const NEEDS_USERS = 'needs the option `users` of openPostern, which says who the users of the application are.'

/** What an application calls in its own process. */
export function createInProcess({ users, tokens, ownUsers, ownTokens, given }: InProcessOptions) {
  /** Checks a call about a user of the application. */
  function check<T extends object>(where: string, input: T): T {
    if (!given) throw new TypeError(`${where} ${NEEDS_USERS}`)
    checkOptions(where, input, { user: () => {}, id: isNonEmptyString, overlap: optional(() => {}) })
    return input
  }

  const posternTokens: PosternTokens = {
    ...tokens,
    async issue(input) {
      const { user, ...body } = check('tokens.issue', input)
      return withoutUser(await ownTokens.issue(user, body as IssueForUserBody))
    },
    list: ((first: string | (OfUser & OwnTokenQuery), query: never) => {
      if (typeof first === 'string') return tokens.list(first, query)
      const { user, ...filter } = check('tokens.list', first)
      return ownTokens.list(user, filter)
    }) as PosternTokens['list'],
    rotate: (async (first: OfUser & { id: string; overlap?: number }, id: never, options: never) => {
      if (!('user' in first)) return tokens.rotate(first, id, options)
      const input = check('tokens.rotate', first)
      return withoutUser(await ownTokens.rotate(input.user, input.id, input.overlap))
    }) as PosternTokens['rotate'],
    revoke: (async (first: string | (OfUser & { id: string }), id: never) => {
      if (typeof first === 'string') return tokens.revoke(first, id)
      const input = check('tokens.revoke', first)
      return ownTokens.revoke(input.user, input.id)
    }) as PosternTokens['revoke'],
    revokeAll: (async (first: string | OfUser, options: never) => {
      if (typeof first === 'string') return tokens.revokeAll(first, options)
      return ownTokens.revokeAll(check('tokens.revokeAll', first).user)
    }) as PosternTokens['revokeAll'],
  }

  const posternUsers: PosternUsers = {
    ...users,
    ...(given && { disable: ownUsers.disable, enable: ownUsers.enable }),
    async remove(id) {
      check('users.remove', {})
      await ownTokens.remove(id)
    },
  }

  return { tokens: posternTokens, users: posternUsers }
}

/** Times as in the JSON of a response. */
const withoutUser = ({ token, data }: IssuedData): IssuedData => ({
  token,
  data: JSON.parse(JSON.stringify(data)) as TokenData,
})

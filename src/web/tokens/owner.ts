import type { FastifyRequest } from 'fastify'
import type { Token } from '../../../packages/guard/src/token.ts'
import { PosternError } from '../../errors/errors.ts'
import {
  type AccountOwner,
  asAdministrator,
  asMaintainer,
  type MaintainerOptions,
} from '../../service-accounts/owner.ts'
import type { Account } from '../../service-accounts/read.ts'
import type { AuthorizeFor, TokenOwner } from '../../tokens/owner.ts'
import type { SessionToken } from '../../tokens/session-token.ts'
import type { Role } from '../../users/user.entity.ts'
import type { Section } from '../section.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'

/** Whose tokens the pages show. */
export interface PageOwner {
  owner: TokenOwner
  /** The path of the list, below the site's base. */
  path: string
  /** The path of the list, as browsers know it. */
  home: string
  /** The role that decides which scopes are offered. */
  role: Role
  /** undefined: the tokens are those of the signed-in user. */
  account?: Account
  /** Where the pages are in the navigation. Default: the section of the user's own tokens. */
  frame?: { section: Section; tab?: string }
  /** The path to go on to after a token was created. Default: that of the token. */
  done?: string
  /** Options of the functions that issue and rotate. */
  limits: { issuingToken?: Token; authorize?: AuthorizeFor }
  /** @throws 403 for administrative scopes that the user does not have */
  assertMayGrant(scopes: readonly string[]): void
}

/** @throws 404 for the service account of others */
export type PageOwnerOf = (request: FastifyRequest) => Promise<PageOwner>

/** The tokens of the signed-in user. */
export const createOwnTokens =
  ({ base }: Site): PageOwnerOf =>
  async request => {
    const { user } = signedInOf(request)
    const path = '/tokens'
    return { owner: user, role: user.role, path, home: base + path, limits: {}, assertMayGrant: () => {} }
  }

export interface AccountTokensOptions extends MaintainerOptions {
  site: Site
  sessionToken: SessionToken
}

/** The tokens of the service account in the path, for the people who look after it and for administrators. */
export function createAccountTokens(options: AccountTokensOptions): PageOwnerOf {
  const { site, serviceAccounts, sessionToken } = options
  async function find(request: FastifyRequest, id: string): Promise<AccountOwner> {
    const signedIn = signedInOf(request)
    const token = await sessionToken(signedIn)
    try {
      return await asMaintainer(options, id, signedIn.user.id, token)
    } catch (error) {
      const isAdmin = signedIn.user.role === 'admin'
      if (!(error instanceof PosternError) || error.status !== 404 || !isAdmin) throw error
      return asAdministrator(serviceAccounts, id, token)
    }
  }

  return async request => {
    const { account, limits, assertMayGrant } = await find(request, (request.params as { account: string }).account)
    const path = `/service-accounts/${account.id}/tokens`
    const role = signedInOf(request).user.role === 'admin' ? account.role : 'user'
    return { owner: account, account, role, path, home: site.base + path, limits, assertMayGrant }
  }
}

import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { isAdminScope } from '../../../packages/guard/src/scope-set.ts'
import type { AuditLog } from '../../audit/log.ts'
import type { Clients } from '../../clients/clients.ts'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { ServiceAccounts } from '../../service-accounts/accounts.ts'
import { createSessionToken } from '../../tokens/session-token.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Usage } from '../../tokens/usage.ts'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { idOf } from '../query.ts'
import { chosenScopes } from '../scope-choice.ts'
import { requireSignedIn, signedInOf } from '../signed-in.ts'
import { accountList } from './accounts.ts'
import { tokenList } from './list.ts'
import { type NewTokenOptions, newTokenPages } from './new.ts'
import { createAccountTokens, createOwnTokens, type PageOwnerOf } from './owner.ts'
import { revokeTokenPages } from './revoke.ts'
import { revokeSelectedPages } from './revoke-selected.ts'
import { createShowIssued } from './show-issued.ts'
import { singleTokenPages } from './token.ts'
import { tokenViews } from './view.ts'

export type TokenPagesOptions = Omit<NewTokenOptions, 'show' | 'ownerOf'> &
  ConfirmOptions & {
    tokens: Tokens
    usage: Usage
    auditLog: Pick<AuditLog, 'list'>
    serviceAccounts: ServiceAccounts
    clients: Pick<Clients, 'personalAccess'>
    config: Pick<Config, 'issuer'>
  }

/** The pages of personal access tokens: those of the user, and those of service accounts that the user looks after. */
export function tokenPages(options: TokenPagesOptions): FastifyPluginAsync {
  const { site, serviceAccounts, clients, catalogue } = options
  const sessionToken = createSessionToken(clients)
  return async app => {
    requireSignedIn(app, { site })
    await app.register(pagesOf(options, createOwnTokens(site), givesAdminScope(options)))
    const ofAccount = createAccountTokens({ site, serviceAccounts, catalogue, sessionToken })
    // What is issued there outlives the user's own access.
    await app.register(
      pagesOf(options, ofAccount, () => true),
      { prefix: '/service-accounts/:account' },
    )
    await app.register(accountList({ site, serviceAccounts }))
  }
}

/** The pages of one owner's tokens, by the same functions as the API. */
function pagesOf(
  options: TokenPagesOptions,
  ownerOf: PageOwnerOf,
  isSensitive: NonNullable<ConfirmOptions['isSensitive']>,
): FastifyPluginAsync {
  const { tokens, usage, catalogue, resources, config, site, auditLog } = options
  const view = tokenViews(usage)
  const show = createShowIssued(site, config)
  return async app => {
    app.addHook('preHandler', createConfirm({ ...options, isSensitive }))
    await app.register(tokenList({ tokens, view, ownerOf }))
    await app.register(newTokenPages({ tokens, catalogue, resources, show, config, ownerOf }))
    await app.register(singleTokenPages({ tokens, catalogue, view, show, ownerOf, auditLog }))
    await app.register(revokeTokenPages({ tokens, view, ownerOf }))
    await app.register(revokeSelectedPages({ tokens, view, ownerOf }))
  }
}

/** An administrative token outlives the session in which it was created, rotated or resumed, so that needs a confirmation. */
const givesAdminScope =
  ({ tokens }: Pick<TokenPagesOptions, 'tokens'>) =>
  async (fields: Params, request: FastifyRequest): Promise<boolean> => {
    // By the route: the URL of a request may have a query and escapes.
    if (!/\/tokens\/:id\/(?:rotate|resume)$/.test(request.routeOptions.url ?? ''))
      return chosenScopes(fields).some(isAdminScope)
    const { scopes } = await tokens.find(signedInOf(request).user.id, idOf(request))
    return scopes.some(isAdminScope)
  }

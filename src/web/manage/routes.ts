import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../../config/config.ts'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { requireSignedIn } from '../signed-in.ts'
import { createShowIssued } from '../tokens/show-issued.ts'
import { manageAudit } from './audit.ts'
import { manageBlockedHosts } from './blocked-hosts.ts'
import { manageClients } from './clients.ts'
import { type HandOverPagesOptions, handOverPages } from './handover.ts'
import { manageInvitations } from './invitations.ts'
import { type IssueTokenOptions, issueTokens } from './issue-token.ts'
import { manageKeys } from './keys.ts'
import { overview } from './overview.ts'
import { removeTrust } from './remove-trust.ts'
import { revokeAnyToken } from './revoke-token.ts'
import { manageAccounts } from './service-accounts.ts'
import { type SignOutUserOptions, signOutUser } from './sign-out-user.ts'
import { manageToken } from './token.ts'
import { createTokenFacts, type TokenFactsOptions } from './token-facts.ts'
import { manageTokens } from './tokens.ts'
import { manageTrusts } from './trusts.ts'
import { userActions } from './user-actions.ts'
import { createShowUser, type ShowUserOptions } from './user-page.ts'
import { manageUsers } from './users.ts'

type OptionsOf<Plugin extends (options: never) => unknown> = Parameters<Plugin>[0]
export type ManageOptions = OptionsOf<typeof overview> &
  Omit<OptionsOf<typeof manageUsers> & OptionsOf<typeof userActions>, 'showUser'> &
  ShowUserOptions &
  SignOutUserOptions &
  TokenFactsOptions &
  OptionsOf<typeof manageInvitations> &
  OptionsOf<typeof manageBlockedHosts> &
  OptionsOf<typeof manageClients> &
  OptionsOf<typeof manageTrusts> &
  OptionsOf<typeof removeTrust> &
  OptionsOf<typeof manageTokens> &
  Omit<OptionsOf<typeof revokeAnyToken> & OptionsOf<typeof manageToken>, 'facts'> &
  OptionsOf<typeof manageKeys> &
  OptionsOf<typeof manageAudit> &
  OptionsOf<typeof manageAccounts> &
  Omit<HandOverPagesOptions, 'show'> &
  Omit<IssueTokenOptions, 'show'> &
  ConfirmOptions & { config: Pick<Config, 'issuer'> }

/** Below /manage: the administration pages, by the same functions as the management API. */
export function manageRoutes(options: ManageOptions): FastifyPluginAsync {
  return async app => {
    requireSignedIn(app, { site: options.site, role: 'admin' })
    app.addHook('preHandler', createConfirm(options))
    const show = createShowIssued(options.site, options.config)
    const showUser = createShowUser(options)
    const facts = createTokenFacts(options)
    await app.register(overview(options))
    await app.register(manageUsers({ ...options, showUser }))
    await app.register(userActions({ ...options, showUser }))
    await app.register(signOutUser(options))
    await app.register(issueTokens({ ...options, show }))
    await app.register(manageInvitations(options))
    await app.register(manageAccounts(options))
    await app.register(handOverPages({ ...options, show }))
    await app.register(manageBlockedHosts(options))
    await app.register(manageClients(options))
    await app.register(manageTrusts(options))
    await app.register(removeTrust(options))
    await app.register(manageTokens(options))
    await app.register(manageToken({ ...options, facts }))
    await app.register(revokeAnyToken({ ...options, facts }))
    await app.register(manageKeys(options))
    await app.register(manageAudit(options))
  }
}

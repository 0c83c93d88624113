import type { FastifyPluginAsync } from 'fastify'
import { isAdminScope } from '../../../packages/guard/src/scope-set.ts'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Usage } from '../../tokens/usage.ts'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { chosenScopes } from '../scope-choice.ts'
import { requireSignedIn } from '../signed-in.ts'
import { tokenList } from './list.ts'
import { type NewTokenOptions, newTokenPages } from './new.ts'
import { singleTokenPages } from './one.ts'
import { createShowIssued } from './show-issued.ts'
import { tokenViews } from './view.ts'

export type TokenPagesOptions = Omit<NewTokenOptions, 'show'> &
  ConfirmOptions & {
    tokens: Tokens
    usage: Usage
    config: Pick<Config, 'issuer'>
  }

/** The pages of a user's personal access tokens, by the same functions as /api/tokens. */
export function tokenPages(options: TokenPagesOptions): FastifyPluginAsync {
  const { tokens, usage, catalogue, resources, config, site } = options
  const view = tokenViews(usage)
  const show = createShowIssued(site, config)
  return async app => {
    requireSignedIn(app, { site })
    app.addHook('preHandler', createConfirm({ ...options, isSensitive: namesAdminScope }))
    await app.register(tokenList({ site, tokens, view }))
    await app.register(newTokenPages({ tokens, catalogue, resources, show, config }))
    await app.register(singleTokenPages({ tokens, catalogue, view, show }))
  }
}

/** An administrative token outlives the session that it was created in, so it needs a confirmation. */
const namesAdminScope = (fields: Params) => chosenScopes(fields).some(isAdminScope)

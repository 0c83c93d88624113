import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../../config/config.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Usage } from '../../tokens/usage.ts'
import { forSignedIn } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { tokenList } from './list.ts'
import { type NewTokenOptions, newTokenPages } from './new.ts'
import { tokenPages } from './one.ts'
import { createShowMade } from './show-made.ts'
import { tokenViews } from './view.ts'

export type TokenRoomOptions = Omit<NewTokenOptions, 'show'> & {
  site: Site
  tokens: Tokens
  usage: Usage
  config: Pick<Config, 'issuer'>
}

/** Where people make and manage their personal access tokens: the same work as at /api/tokens. */
export function tokenRoom({ tokens, usage, catalogue, resources, config, site }: TokenRoomOptions): FastifyPluginAsync {
  const view = tokenViews(usage)
  const show = createShowMade(site, config)
  return async app => {
    forSignedIn(app, { site })
    await app.register(tokenList({ site, tokens, view }))
    await app.register(newTokenPages({ tokens, catalogue, resources, show, config }))
    await app.register(tokenPages({ tokens, catalogue, view, show }))
  }
}

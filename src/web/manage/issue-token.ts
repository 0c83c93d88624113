import type { FastifyPluginAsync } from 'fastify'
import { conflict } from '../../errors/errors.ts'
import type { OwnUsers } from '../../users/own-users.ts'
import type { Users } from '../../users/users.ts'
import { idOf } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { type NewTokenOptions, newTokenPages } from '../tokens/new.ts'
import { findUser } from './user-page.ts'

export interface IssueTokenOptions extends Omit<NewTokenOptions, 'ownerOf'> {
  site: Site
  users: Users
  ownUsers: Pick<OwnUsers, 'confirmRow'>
}

/** Issues a personal access token for a user, as the user's own pages do. */
export function issueTokens({ site, users, ownUsers, ...options }: IssueTokenOptions): FastifyPluginAsync {
  const ownerOf: NewTokenOptions['ownerOf'] = async request => {
    await ownUsers.confirmRow(idOf(request))
    const owner = await findUser(users, request)
    if (owner.disabledAt) throw conflict(texts.manage.tokens.ownerDisabled)
    const path = `/manage/users/${owner.id}/tokens`
    const home = site.base + path
    const frame = { section: 'manage' as const, tab: 'users' }
    return { owner, role: owner.role, path, home, done: home, frame, limits: {}, assertMayGrant: () => {} }
  }

  return async app => {
    await app.register(newTokenPages({ ...options, ownerOf }), { prefix: '/users/:id' })
    // Where the form leads that was sent again.
    app.get<{ Params: { token: string } }>('/users/:id/tokens/:token', ({ params }, reply) =>
      reply.redirectTo(`/manage/tokens/${params.token}`),
    )
  }
}

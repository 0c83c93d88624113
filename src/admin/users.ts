import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { conflict } from '../errors/errors.ts'
import type { SignOut } from '../grants/sign-out.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { PageOf, type PageRequest, page, paging } from '../http/paging.ts'
import { closed, noContent, problem, revokedMany, validationProblem } from '../http/schemas.ts'
import { unfinished } from '../operations/schemas.ts'
import { IN_REQUEST, sendProgress } from '../operations/send.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { assertMayGrant } from '../tokens/limits.ts'
import { newToken } from '../tokens/request.ts'
import { IssuedSchema, IssueForUser, toToken } from '../tokens/schemas.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { applicationAwayProblem, ManagedUser, toManagedUser, toUser, userTag } from '../users/schemas.ts'
import type { UserIds } from '../users/user-ids.ts'
import type { Users } from '../users/users.ts'
import { ChangeUser, Id } from './schemas.ts'

const tags = ['Administration']
const UserResponse = Type.Object({ data: ManagedUser })
const lastAdministrator = problem('The user is the last administrator')
const unknownUser = problem('There is no such user')

export interface AdminUsersOptions {
  users: Users
  ownUsers: OwnUsers
  userIds: UserIds
  tokens: Tokens
  signOut: SignOut
  catalogue: Pick<Catalogue, 'unknown'>
}

const adminListUsersSchema = {
  operationId: 'adminListUsers',
  summary: 'List the users',
  tags,
  querystring: Type.Object(
    {
      ...paging,
      email: Type.Optional(Type.String({ maxLength: 254, description: 'Only the user with this address' })),
      search: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 254,
          description: 'Part of the name or of the e-mail address, in any case',
        }),
      ),
    },
    closed,
  ),
  response: { 200: PageOf(ManagedUser), 422: validationProblem },
}

const adminGetUserSchema = {
  operationId: 'adminGetUser',
  summary: 'Get a user',
  tags,
  params: Id('user'),
  response: { 200: UserResponse, 404: unknownUser, 503: applicationAwayProblem },
}

const adminChangeUserSchema = {
  operationId: 'adminChangeUser',
  summary: 'Change a user',
  description: 'A new password ends the sessions of the user.',
  tags,
  params: Id('user'),
  body: ChangeUser,
  response: { 200: UserResponse, 404: unknownUser, 409: lastAdministrator, 422: validationProblem },
}

const adminSignOutUserSchema = {
  operationId: 'adminSignOutUser',
  summary: 'Sign a user out everywhere',
  description: 'Ends every session and revokes every access and refresh token of the user.',
  tags,
  params: Id('user'),
  response: {
    200: revokedMany,
    202: unfinished,
    204: noContent('All sessions and tokens of the user are revoked'),
    404: unknownUser,
  },
}

const adminIssueTokenSchema = {
  operationId: 'adminIssueToken',
  summary: 'Issue a personal access token for a user',
  description: 'For a backend that manages its own users. Granting `admin:*` requires a token with that scope.',
  tags,
  params: Id('user'),
  body: IssueForUser,
  response: {
    201: IssuedSchema,
    404: unknownUser,
    409: problem('The user is disabled'),
    422: validationProblem,
    503: applicationAwayProblem,
  },
}

const adminEnableUserSchema = {
  operationId: 'adminEnableUser',
  summary: 'Enable a user',
  description:
    'Takes effect on the next request with any of the tokens of the user. Resource servers are notified of more than ' +
    '1,000 tokens in batches, within seconds.',
  tags,
  params: Id('user'),
  response: { 200: UserResponse, 404: unknownUser },
}

const adminDisableUserSchema = {
  ...adminEnableUserSchema,
  operationId: 'adminDisableUser',
  summary: 'Disable a user',
  response: { 200: UserResponse, 404: unknownUser, 409: lastAdministrator },
}

const adminUnlockUserSchema = {
  operationId: 'adminUnlockUser',
  summary: 'Reset the failed sign-ins of a user',
  description:
    'The next sign-ins of the user are not delayed, from any network. Failures that are counted by IP address are kept.',
  tags,
  params: Id('user'),
  response: { 200: UserResponse, 404: unknownUser },
}

export function adminUsers(options: AdminUsersOptions): FastifyPluginAsyncTypebox {
  const { users, ownUsers, userIds, tokens, signOut, catalogue } = options
  /** By the id that responses contain. */
  const find = async (id: string) => users.find(await userIds.rowOf(id))

  return async app => {
    const mayRead = checkScopes('admin:read')
    const mayWrite = checkScopes('admin:write')

    app.get('/users', { preValidation: mayRead, schema: adminListUsersSchema }, async ({ query }) => {
      const { email, search } = query
      const only = email === undefined ? undefined : await users.findByEmail(email)
      const fetch = async (pageRequest: PageRequest) =>
        email === undefined ? users.list({ ...pageRequest, search }) : only ? [only] : []
      return page(query, fetch, user => toManagedUser(ownUsers.describeNow(user)))
    })

    app.get('/users/:id', { preValidation: mayRead, schema: adminGetUserSchema }, async ({ params }, reply) => {
      const user = await find(params.id)
      withTag(reply, userTag(user))
      return { data: toManagedUser(await ownUsers.describe(user)) }
    })

    app.patch('/users/:id', { preValidation: mayWrite, schema: adminChangeUserSchema }, async (request, reply) => {
      const { id } = await find(request.params.id)
      const user = await users.update(id, request.body, ifMatch(request, userTag))
      withTag(reply, userTag(user))
      return { data: toManagedUser(user) }
    })

    for (const [act, schema] of [
      ['disable', adminDisableUserSchema],
      ['enable', adminEnableUserSchema],
      ['unlock', adminUnlockUserSchema],
    ] as const) {
      app.post(`/users/:id/${act}`, { preValidation: mayWrite, schema }, async ({ params }) => ({
        data: toManagedUser(await users[act]((await find(params.id)).id)),
      }))
    }

    app.post(
      '/users/:id/sign-out',
      { preValidation: mayWrite, schema: adminSignOutUserSchema },
      async (request, reply) => {
        const { id } = await find(request.params.id)
        return sendProgress(reply, await signOut(id, { ...IN_REQUEST, lastTokenId: tokenOf(request).id }))
      },
    )

    app.post(
      '/users/:id/tokens',
      { preValidation: mayWrite, schema: adminIssueTokenSchema },
      async (request, reply) => {
        const { id } = await find(request.params.id)
        await ownUsers.confirmRow(id)
        const user = await users.find(id)
        if (user.disabledAt) throw conflict('The user is disabled: enable it before issuing tokens for it.')
        assertMayGrant(tokenOf(request), request.body.scopes ?? [])
        const { plainText, token } = await tokens.issuePersonal({ ...newToken(request.body), user })
        return reply.code(201).send({ token: plainText, data: toToken(catalogue, token), user: toUser(user) })
      },
    )
  }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { insufficientScope } from '../../packages/guard/src/errors.ts'
import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { conflict, notFound } from '../errors/errors.ts'
import type { SignOut } from '../grants/sign-out.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { sendProgress } from '../http/progress.ts'
import { closed, noContent, problem, unfinished, validationProblem } from '../http/schemas.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import { newToken } from '../tokens/request.ts'
import { IssuedSchema, IssueForUser, toToken } from '../tokens/schemas.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { toUser } from '../users/schemas.ts'
import type { Users } from '../users/users.ts'
import { ChangeUser, CreateUser, Id, ManagedUser, toManagedUser } from './schemas.ts'

const tags = ['Administration']
const Answer = Type.Object({ data: ManagedUser })
const lastAdministrator = problem('The user is the last administrator')
const unknownUser = problem('There is no such user')

export interface AdminUsersOptions {
  users: Users
  tokens: Tokens
  signOut: SignOut
  catalogue: Pick<Catalogue, 'unknown'>
}

const adminListUsersSchema = {
  operationId: 'adminListUsers',
  summary: 'List the users',
  tags,
  querystring: Type.Object(
    { ...paging, email: Type.Optional(Type.String({ maxLength: 254, description: 'Only this one' })) },
    closed,
  ),
  response: { 200: PageOf(ManagedUser), 422: validationProblem },
}

const adminCreateUserSchema = {
  operationId: 'adminCreateUser',
  summary: 'Create a user',
  tags,
  body: CreateUser,
  response: { 201: Answer, 422: validationProblem },
}

const adminGetUserSchema = {
  operationId: 'adminGetUser',
  summary: 'Get a user',
  tags,
  params: Id('user'),
  response: { 200: Answer, 404: unknownUser },
}

const adminChangeUserSchema = {
  operationId: 'adminChangeUser',
  summary: 'Change a user',
  description: 'A new password ends the sessions of the user.',
  tags,
  params: Id('user'),
  body: ChangeUser,
  response: { 200: Answer, 404: unknownUser, 409: lastAdministrator, 422: validationProblem },
}

const adminSignOutUserSchema = {
  operationId: 'adminSignOutUser',
  summary: 'Sign a user out everywhere',
  description: 'Ends every session and revokes every access and refresh token of the user.',
  tags,
  params: Id('user'),
  response: { 202: unfinished, 204: noContent('Nothing of the user lives'), 404: unknownUser },
}

const adminIssueTokenSchema = {
  operationId: 'adminIssueToken',
  summary: 'Issue a personal access token for a user',
  description: 'For a backend with users of its own. `admin:*` can be passed on only by who has it.',
  tags,
  params: Id('user'),
  body: IssueForUser,
  response: {
    201: IssuedSchema,
    404: unknownUser,
    409: problem('The user is disabled'),
    422: validationProblem,
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
  response: { 200: Answer, 404: unknownUser },
}

const adminDisableUserSchema = {
  ...adminEnableUserSchema,
  operationId: 'adminDisableUser',
  summary: 'Disable a user',
  response: { 200: Answer, 404: unknownUser, 409: lastAdministrator },
}

export function adminUsers({ users, tokens, signOut, catalogue }: AdminUsersOptions): FastifyPluginAsyncTypebox {
  const find = (id: string) => {
    if (!isUuid(id)) throw notFound('user')
    return users.find(id)
  }

  return async app => {
    const mayRead = checkScopes('admin:read')
    const mayWrite = checkScopes('admin:write')

    app.get('/users', { preValidation: mayRead, schema: adminListUsersSchema }, async ({ query }) => {
      const { email } = query
      const only = email === undefined ? undefined : await users.findByEmail(email)
      const fetch = email === undefined ? users.list : async () => (only ? [only] : [])
      return page(query, fetch, toManagedUser)
    })

    app.post('/users', { preValidation: mayWrite, schema: adminCreateUserSchema }, async ({ body }, reply) =>
      reply.code(201).send({ data: toManagedUser(await users.create(body)) }),
    )

    app.get('/users/:id', { preValidation: mayRead, schema: adminGetUserSchema }, async ({ params }) => ({
      data: toManagedUser(await find(params.id)),
    }))

    app.patch('/users/:id', { preValidation: mayWrite, schema: adminChangeUserSchema }, async ({ params, body }) => {
      const { id } = await find(params.id)
      return { data: toManagedUser(await users.update(id, body)) }
    })

    for (const [act, schema] of [
      ['disable', adminDisableUserSchema],
      ['enable', adminEnableUserSchema],
    ] as const) {
      app.post(`/users/:id/${act}`, { preValidation: mayWrite, schema }, async ({ params }) => ({
        data: toManagedUser(await users[act]((await find(params.id)).id)),
      }))
    }

    app.post(
      '/users/:id/unlock',
      {
        preValidation: mayWrite,
        schema: {
          operationId: 'adminUnlockUser',
          summary: 'Forget the failed sign-ins of a user',
          description:
            'The next attempts to sign in are not delayed, from whatever network. Failures from one address, of whatever ' +
            'user, go on counting.',
          tags,
          params: Id('user'),
          response: { 200: Answer, 404: unknownUser },
        },
      },
      async ({ params }) => ({ data: toManagedUser(await users.unlock((await find(params.id)).id)) }),
    )

    app.post(
      '/users/:id/sign-out',
      { preValidation: mayWrite, schema: adminSignOutUserSchema },
      async (request, reply) => {
        const { id } = await find(request.params.id)
        return sendProgress(
          reply,
          await signOut(id, { lastTokenId: tokenOf(request).id, timeoutMs: REQUEST_BUDGET_MS }),
        )
      },
    )

    app.post(
      '/users/:id/tokens',
      { preValidation: mayWrite, schema: adminIssueTokenSchema },
      async (request, reply) => {
        const user = await find(request.params.id)
        if (user.disabledAt) throw conflict('The user is disabled: enable it before issuing tokens for it.')
        mustHaveAdmin(request, request.body.scopes ?? [])
        const { plainText, token } = await tokens.issuePersonal({ ...newToken(request.body), user })
        return reply.code(201).send({ token: plainText, data: toToken(catalogue, token), user: toUser(user) })
      },
    )
  }
}

function mustHaveAdmin(request: FastifyRequest, scopes: readonly string[]): void {
  const token = tokenOf(request)
  const lacking = token.lacks(scopes.filter(isAdminScope))
  if (lacking.length > 0) throw insufficientScope('all', lacking, token.scopes, lacking)
}

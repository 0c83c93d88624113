import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkScopes, requireToken } from '../../packages/guard/src/checks.ts'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { invalid } from '../errors/errors.ts'
import { page } from '../http/paging.ts'
import { sendProgress, sendRevoked } from '../http/progress.ts'
import { noContent, problem, unfinished, validationProblem } from '../http/schemas.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { noUserError, ownerOf } from '../users/routes.ts'
import { toOwnUser, toUser } from '../users/schemas.ts'
import type { SignIn } from '../users/sign-in.ts'
import type { User } from '../users/user.entity.ts'
import { type PublicUser, userOfToken } from './records.ts'
import { newToken } from './request.ts'
import {
  ChangeToken,
  deadToken,
  goneWithOthers,
  IssuedSchema,
  IssueToken,
  type IssueTokenBody,
  ListQuery,
  RotateToken,
  revokedResponse,
  rightLost,
  TokenAnswer,
  TokenList,
  TokenParams,
  toToken,
  unknownToken,
} from './schemas.ts'
import type { ShownToken } from './token.entity.ts'
import type { IssuedToken, Tokens } from './tokens.ts'
import type { Usage } from './usage.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** E-mail address and password in the body say who it is. */
    acceptsCredentials?: boolean
  }
}

export interface TokenRoutesOptions {
  tokens: Tokens
  usage: Usage
  signIn: SignIn
  catalogue: Pick<Catalogue, 'unknown'>
}

const tags = ['Tokens']

export function tokenRoutes({ tokens, usage, signIn, catalogue }: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  const data = (token: ShownToken) => toToken(catalogue, token, usage.lastUse(token))

  /** @param user as whoever asks may know them */
  async function sendIssued(reply: FastifyReply, { plainText, token }: IssuedToken, user: { id: string }) {
    return reply.code(201).send({ token: plainText, data: toToken(catalogue, token), user })
  }

  async function userOfCredentials(request: FastifyRequest, { email, password }: IssueTokenBody): Promise<User> {
    if (email === undefined) throw invalid({ path: 'email', message: 'is required' })
    if (password === undefined) throw invalid({ path: 'password', message: 'is required' })
    return signIn(email, password, request.ip, 'api')
  }

  return async app => {
    const requireWrite = checkScopes('tokens:write')

    app.post(
      '/tokens',
      {
        config: { acceptsCredentials: true },
        preValidation: (request, reply, done) =>
          hasCredentials(request) ? done() : requireWrite(request, reply, done),
        schema: {
          operationId: 'issueToken',
          summary: 'Issue a personal access token',
          description:
            'With e-mail and password, or with a token that has `tokens:write`: then the new token holds no scope the asking one lacks and expires no later.',
          tags,
          security: [{}, { bearer: ['tokens:write'] }],
          body: IssueToken,
          response: {
            201: IssuedSchema,
            401: problem('Wrong e-mail address or password, or no valid token'),
            403: problem(
              'The token lacks `tokens:write` or a scope it was asked to pass on, or the user has as many tokens as one user may have',
            ),
            409: rightLost,
            422: validationProblem,
            429: problem('Too many failed attempts; `Retry-After` says when to try again'),
          },
        },
      },
      async (request, reply) => {
        const { body } = request
        const input = { ...newToken(body), withinQuota: true }
        if (hasCredentials(request)) {
          const user = await userOfCredentials(request, body)
          return sendIssued(reply, await tokens.issuePersonal({ ...input, user }), toUser(user))
        }
        const user = caller(request)
        const issued = await tokens.issuePersonal({ ...input, user, issuingToken: request.token })
        return sendIssued(reply, issued, toOwnUser(request.token, user))
      },
    )

    app.get(
      '/tokens',
      {
        preValidation: checkScopes('tokens:read'),
        schema: {
          operationId: 'listTokens',
          summary: 'List your personal access tokens',
          description: 'Newest first. Never the plain text.',
          tags,
          querystring: ListQuery,
          response: { 200: TokenList, 422: validationProblem },
        },
      },
      async request => {
        const userId = ownerOf(request)
        const { state, scope } = request.query
        return page(request.query, pageRequest => tokens.list(userId, { ...pageRequest, state, scope }), data)
      },
    )

    app.delete(
      '/tokens',
      {
        preValidation: requireWrite,
        schema: {
          operationId: 'revokeTokens',
          summary: 'Revoke all your personal access tokens',
          description: 'The one that makes the request, too; it goes last.',
          tags,
          response: { 202: unfinished, 204: noContent('All are revoked') },
        },
      },
      async (request, reply) => {
        const lastTokenId = request.token.id
        return sendProgress(
          reply,
          await tokens.revokeAll(ownerOf(request), { lastTokenId, timeoutMs: REQUEST_BUDGET_MS }),
        )
      },
    )

    app.get(
      '/tokens/current',
      {
        preValidation: requireToken(),
        schema: {
          operationId: 'getCurrentToken',
          summary: 'Get the token that makes the request',
          tags,
          response: { 200: TokenAnswer },
        },
      },
      async request => ({ data: data(await tokens.findCurrent(request.token)) }),
    )

    app.delete(
      '/tokens/current',
      {
        preValidation: requireToken(),
        schema: {
          operationId: 'revokeCurrentToken',
          summary: 'Revoke the token that makes the request',
          description: 'Signing out. What it issued goes with it.',
          tags,
          response: { 200: goneWithOthers, 204: revokedResponse },
        },
      },
      async (request, reply) => {
        return sendRevoked(reply, await tokens.revokeCurrent(request.token))
      },
    )

    app.post(
      '/tokens/current/rotate',
      {
        preValidation: requireToken(),
        schema: {
          operationId: 'rotateCurrentToken',
          summary: 'Replace the token that makes the request',
          description:
            'A successor with the same name, scopes and lifetime, but no longer than its family. The token needs `tokens:rotate` or `tokens:write`.',
          tags,
          body: RotateToken,
          response: { 201: IssuedSchema, 404: unknownToken, 409: deadToken, 422: validationProblem },
        },
      },
      async (request, reply) => {
        const user = caller(request)
        const issued = await tokens.rotate(user, request.token.id, {
          overlapSeconds: request.body?.overlap,
          itself: request.token,
        })
        return sendIssued(reply, issued, toOwnUser(request.token, user))
      },
    )

    app.get(
      '/tokens/:id',
      {
        preValidation: checkScopes('tokens:read'),
        schema: {
          operationId: 'getToken',
          summary: 'Get a personal access token',
          tags,
          params: TokenParams,
          response: { 200: TokenAnswer, 404: unknownToken },
        },
      },
      async request => ({ data: data(await tokens.find(ownerOf(request), request.params.id)) }),
    )

    app.patch(
      '/tokens/:id',
      {
        preValidation: requireWrite,
        schema: {
          operationId: 'changeToken',
          summary: 'Change name or scopes of a token, suspend or resume it',
          description: 'Takes effect on the next use of the token.',
          tags,
          params: TokenParams,
          body: ChangeToken,
          response: { 200: TokenAnswer, 404: unknownToken, 409: deadToken, 422: validationProblem },
        },
      },
      async request => {
        const { token, params, body } = request
        return { data: data(await tokens.change(caller(request), params.id, body, token)) }
      },
    )

    app.post(
      '/tokens/:id/rotate',
      {
        preValidation: requireWrite,
        schema: {
          operationId: 'rotateToken',
          summary: 'Replace a token',
          description:
            'A successor with the same name, scopes and lifetime, but no longer than the token that asks; the old one dies, at once or after `overlap`.',
          tags,
          params: TokenParams,
          body: RotateToken,
          response: { 201: IssuedSchema, 404: unknownToken, 409: deadToken, 422: validationProblem },
        },
      },
      async (request, reply) => {
        const user = caller(request)
        const { overlap: overlapSeconds } = request.body ?? {}
        const issued = await tokens.rotate(user, request.params.id, { overlapSeconds, issuingToken: request.token })
        return sendIssued(reply, issued, toOwnUser(request.token, user))
      },
    )

    app.delete(
      '/tokens/:id',
      {
        preValidation: requireWrite,
        schema: {
          operationId: 'revokeToken',
          summary: 'Revoke a token',
          description: 'What it issued goes with it.',
          tags,
          params: TokenParams,
          response: { 200: goneWithOthers, 204: revokedResponse, 404: unknownToken },
        },
      },
      async (request, reply) => {
        return sendRevoked(reply, await tokens.revoke(ownerOf(request), request.params.id))
      },
    )
  }
}

/** Whether a request proves by its body who it is from. Elsewhere a password is proof of more than that, or a new one. */
export const hasCredentialsInBody = (request: FastifyRequest): boolean =>
  request.routeOptions.config.acceptsCredentials === true && hasCredentials(request)

function hasCredentials({ body }: Pick<FastifyRequest, 'body'>): boolean {
  const { email, password } = (body ?? {}) as IssueTokenBody
  return email !== undefined || password !== undefined
}

/** Whose token it is, from memory. @throws 403 for a machine's token */
function caller(request: FastifyRequest): PublicUser {
  const user = userOfToken(request.token)
  if (user) return user
  throw noUserError()
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { invalid } from '../errors/errors.ts'
import { type Peer, peerOf } from '../http/forwarded.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { noUserError, ownerOf } from '../users/routes.ts'
import { toOwnUser, toUser } from '../users/schemas.ts'
import type { SignIn } from '../users/sign-in.ts'
import type { User } from '../users/user.entity.ts'
import type { TokenOwner } from './owner.ts'
import { type PublicUser, userOfToken } from './records.ts'
import { newToken } from './request.ts'
import { issueToken } from './route-schemas.ts'
import { type IssueTokenBody, toToken } from './schemas.ts'
import type { IssuedToken, Tokens } from './tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route authenticates the user by e-mail address and password in the body. */
    acceptsCredentials?: boolean
  }
}

export interface IssueRoutesOptions {
  tokens: Pick<Tokens, 'issuePersonal'>
  signIn: SignIn
  catalogue: Pick<Catalogue, 'unknown'>
}

/** `POST /tokens`, with a token or with e-mail address and password. */
export function issueRoutes({ tokens, signIn, catalogue }: IssueRoutesOptions): FastifyPluginAsyncTypebox {
  const requireWrite = checkScopes('tokens:write')
  const sendIssued = createSendIssued(catalogue)

  return async app => {
    app.post(
      '/tokens',
      {
        config: { acceptsCredentials: true },
        preValidation: (request, reply, done) =>
          hasCredentials(request) ? done() : requireWrite(request, reply, done),
        schema: issueToken,
      },
      async (request, reply) => {
        const { body } = request
        const input = { ...newToken(body), withinQuota: true }
        if (hasCredentials(request)) {
          const user = await userOfCredentials(signIn, body, peerOf(request))
          const repeated = await request.claimIdempotencyKey?.(user.id)
          if (repeated) return repeated
          return sendIssued(reply, await tokens.issuePersonal({ ...input, user, byPassword: user }), toUser(user))
        }
        const user = userOfRequest(request)
        const issued = await tokens.issuePersonal({
          ...input,
          user: tokenOwnerOf(request),
          issuingToken: tokenOf(request),
        })
        return sendIssued(reply, issued, toOwnUser(tokenOf(request), user))
      },
    )
  }
}

/**
 * Whether the request authenticates by credentials in its body. On other routes a password in the body has another
 * purpose: it confirms a change, or is the new password.
 */
export const hasCredentialsInBody = (request: FastifyRequest): boolean =>
  request.routeOptions.config.acceptsCredentials === true && hasCredentials(request)

function hasCredentials({ body }: Pick<FastifyRequest, 'body'>): boolean {
  const { email, password } = (body ?? {}) as IssueTokenBody
  return email !== undefined || password !== undefined
}

/** @throws 401 for wrong credentials, or without the second factor; 422 if one of them is missing; 429 after too many failed attempts */
async function userOfCredentials(signIn: SignIn, body: IssueTokenBody, peer: Peer): Promise<User> {
  const { email, password, code } = body
  if (email === undefined) throw invalid({ path: 'email', message: 'is required' })
  if (password === undefined) throw invalid({ path: 'password', message: 'is required' })
  return signIn({ email, password, code }, { peer }, 'api')
}

/** Sends a new token, with the user properties that the requester may read. */
export const createSendIssued =
  (catalogue: Pick<Catalogue, 'unknown'>) =>
  (reply: FastifyReply, { plainText, token }: IssuedToken, user: { id: string }) =>
    reply.code(201).send({ token: plainText, data: toToken(catalogue, token), user })

/** The user of the requesting token as the owner of other tokens. @throws 403 for a machine's token */
export function tokenOwnerOf(request: FastifyRequest): TokenOwner {
  const { id, role, allowedScopes } = userOfRequest(request)
  const row = ownerOf(request)
  return { id: row, role, allowedScopes, subject: row === id ? null : id }
}

/** The cached user of the requesting token. @throws 403 for a machine's token */
export function userOfRequest(request: FastifyRequest): PublicUser {
  const user = userOfToken(tokenOf(request))
  if (user) return user
  throw noUserError()
}

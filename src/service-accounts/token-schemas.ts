import { problem, validationProblem } from '../http/schemas.ts'
import {
  ChangeToken,
  IssuedSchema,
  IssueForUser,
  ListQuery,
  RotateToken,
  revokedResponse,
  revokedWithIssued,
  SingleToken,
  SingleTokenWithIssued,
  TokenList,
} from '../tokens/schemas.ts'
import { AccountParams, AccountTokenParams } from './schemas.ts'

const unknownAccount = problem('There is no such service account, or the user does not look after it')
const unknownToken = problem('There is no such service account or token, or the user does not look after the account')
const conflict = problem('The account is disabled, or the token has ended')

const NOT_BOUND =
  'The token does not end with the token or the session that asked for it, nor when the person leaves; the audit log names both.'

/** Schemas of the routes in `token-routes.ts`, for administrators or for maintainers. */
export function tokenSchemas(as: 'admin' | 'maintainer') {
  const isAdmin = as === 'admin'
  const tags = [isAdmin ? 'Administration' : 'Service accounts']
  const operationId = (verb: string, noun: string) =>
    isAdmin ? `admin${verb}ServiceAccount${noun}` : `${verb.toLowerCase()}ServiceAccount${noun}`
  const scopes = isAdmin
    ? 'Granting `admin:*` requires a token with that scope, and an account with the role `admin`.'
    : 'It gets only scopes of the token that makes the request, and of `allowed_scopes` if the account has them.'
  return {
    list: {
      operationId: operationId('List', 'Tokens'),
      summary: 'List the tokens of a service account',
      description: 'Newest first, without the plain text.',
      tags,
      params: AccountParams,
      querystring: ListQuery,
      response: { 200: TokenList, 404: unknownAccount, 422: validationProblem },
    },
    issue: {
      operationId: operationId('Issue', 'Token'),
      summary: 'Issue a token for a service account',
      description: `${scopes} ${NOT_BOUND}`,
      tags,
      params: AccountParams,
      body: IssueForUser,
      response: { 201: IssuedSchema, 404: unknownAccount, 409: conflict, 422: validationProblem },
    },
    get: {
      operationId: operationId('Get', 'Token'),
      summary: 'Get a token of a service account',
      tags,
      params: AccountTokenParams,
      response: { 200: SingleTokenWithIssued, 404: unknownToken },
    },
    change: {
      operationId: operationId('Change', 'Token'),
      summary: 'Change a token of a service account',
      description: 'Its name or scopes; suspends or resumes it. Takes effect on the next use of the token.',
      tags,
      params: AccountTokenParams,
      body: ChangeToken,
      response: { 200: SingleToken, 404: unknownToken, 409: conflict, 422: validationProblem },
    },
    rotate: {
      operationId: operationId('Rotate', 'Token'),
      summary: 'Replace a token of a service account',
      description: `Issues a successor with the same name, scopes and lifetime. ${NOT_BOUND}`,
      tags,
      params: AccountTokenParams,
      body: RotateToken,
      response: { 201: IssuedSchema, 404: unknownToken, 409: conflict, 422: validationProblem },
    },
    revoke: {
      operationId: operationId('Revoke', 'Token'),
      summary: 'Revoke a token of a service account',
      tags,
      params: AccountTokenParams,
      response: { 200: revokedWithIssued, 204: revokedResponse, 404: unknownToken },
    },
  }
}

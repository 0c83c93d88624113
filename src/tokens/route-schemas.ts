import { noContent, problem, revokedMany, validationProblem } from '../http/schemas.ts'
import { unfinished } from '../operations/schemas.ts'
import { applicationAwayProblem } from '../users/schemas.ts'
import {
  ChangeToken,
  endedToken,
  IssuedSchema,
  IssueToken,
  ListQuery,
  RotateToken,
  revokedResponse,
  revokedWithIssued,
  rightLost,
  SingleToken,
  SingleTokenWithIssued,
  TokenList,
  TokenParams,
  unknownToken,
} from './schemas.ts'

/** Schemas of the routes in `routes.ts`, by the name of the operation. */

const tags = ['Tokens']

export const issueToken = {
  operationId: 'issueToken',
  summary: 'Issue a personal access token',
  description:
    'Authenticate with e-mail address and password, and with `code` if the user has a second factor, or with a token that has `tokens:write`. A token that is issued with another token gets only scopes of that token and expires no later.',
  tags,
  security: [{}, { bearer: ['tokens:write'] }],
  body: IssueToken,
  response: {
    201: IssuedSchema,
    401: problem('Wrong e-mail address or password, no second factor, or no valid token'),
    403: problem(
      'The requesting token lacks `tokens:write` or a requested scope, or the user has reached the maximum number of tokens',
    ),
    409: rightLost,
    422: validationProblem,
    429: problem('Too many failed attempts; try again after `Retry-After`'),
    503: applicationAwayProblem,
  },
}

export const listTokens = {
  operationId: 'listTokens',
  summary: 'List your personal access tokens',
  description: 'Newest first unless sorted otherwise, without the plain text.',
  tags,
  querystring: ListQuery,
  response: { 200: TokenList, 422: validationProblem },
}

export const revokeTokens = {
  operationId: 'revokeTokens',
  summary: 'Revoke all your personal access tokens',
  description: 'This includes the token that makes the request, which is revoked last.',
  tags,
  response: { 200: revokedMany, 202: unfinished, 204: noContent('Revoked; no other token was') },
}

export const getCurrentToken = {
  operationId: 'getCurrentToken',
  summary: 'Get the token that makes the request',
  tags,
  response: { 200: SingleTokenWithIssued },
}

export const revokeCurrentToken = {
  operationId: 'revokeCurrentToken',
  summary: 'Revoke the token that makes the request',
  description:
    'Use it to sign out. It also revokes the tokens that this token issued and, within its overlap, its successor.',
  tags,
  response: { 200: revokedWithIssued, 204: revokedResponse },
}

const rotated = {
  201: IssuedSchema,
  403: problem(
    'The requesting token lacks a scope, or with an overlap the user would have more than the maximum number of tokens',
  ),
  404: unknownToken,
  409: endedToken,
  422: validationProblem,
}

export const rotateCurrentToken = {
  operationId: 'rotateCurrentToken',
  summary: 'Replace the token that makes the request',
  description:
    'Issues a successor with the same name, scopes and lifetime, which expires no later than its family. The token needs `tokens:rotate` or `tokens:write`.',
  tags,
  body: RotateToken,
  response: rotated,
}

export const getToken = {
  operationId: 'getToken',
  summary: 'Get a personal access token',
  tags,
  params: TokenParams,
  response: { 200: SingleTokenWithIssued, 404: unknownToken },
}

export const changeToken = {
  operationId: 'changeToken',
  summary: 'Change name or scopes of a token, suspend or resume it',
  description:
    'Takes effect on the next use of the token. A token is resumed only by one that has its scopes and could issue it.',
  tags,
  params: TokenParams,
  body: ChangeToken,
  response: { 200: SingleToken, 404: unknownToken, 409: endedToken, 422: validationProblem },
}

export const rotateToken = {
  operationId: 'rotateToken',
  summary: 'Replace a token',
  description:
    'Issues a successor with the same name, scopes and lifetime, which expires no later than the requesting token. The old token is revoked immediately, or after `overlap`.',
  tags,
  params: TokenParams,
  body: RotateToken,
  response: rotated,
}

export const revokeToken = {
  operationId: 'revokeToken',
  summary: 'Revoke a token',
  description:
    'Also revokes the tokens that it issued and, within its overlap, its successor. `issued_tokens` of the token says how many.',
  tags,
  params: TokenParams,
  response: { 200: revokedWithIssued, 204: revokedResponse, 404: unknownToken },
}

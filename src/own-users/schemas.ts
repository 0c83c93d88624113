import { Type } from 'typebox'
import { noContent, problem, revokedMany, validationProblem } from '../http/schemas.ts'
import { unfinished } from '../operations/schemas.ts'
import {
  endedToken,
  IssuedSchema,
  IssueForUser,
  ListQuery,
  RotateToken,
  revokedResponse,
  revokedWithIssued,
  TokenList,
  unknownToken,
} from '../tokens/schemas.ts'
import { applicationAwayProblem, ManagedUser } from '../users/schemas.ts'

const tags = ['Administration']

const subject = Type.String({
  description:
    'The id of the user in your application, percent-encoded: 1 to 255 characters, none of them invisible. `42` and `042` are two users',
  examples: ['42'],
})
const BySubject = Type.Object({ subject })
const TokenBySubject = Type.Object({
  subject,
  id: Type.String({ description: 'Id of a token', examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'] }),
})

const UserResponse = Type.Object({ data: ManagedUser })
const unknownUser = problem('There is no such user')
const disabledUser = problem('The user is disabled, or the id names an app or a user of this server')
const common = { 422: validationProblem, 503: applicationAwayProblem }

export const getUser = {
  operationId: 'adminGetUserBySubject',
  summary: 'Get a user of your application',
  description: 'A user exists here from the first use of its id on.',
  tags,
  params: BySubject,
  response: { 200: UserResponse, 404: unknownUser, ...common },
}

export const issueToken = {
  operationId: 'adminIssueTokenBySubject',
  summary: 'Issue a token for a user of your application',
  description:
    'For a backend with a user table of its own: the id there is `sub` of the token, and `userId` at every guard. The user exists here from the first token on. Without an application in the same process, the id is what you say it is.',
  tags,
  params: BySubject,
  body: IssueForUser,
  response: { 201: IssuedSchema, 404: unknownUser, 409: disabledUser, ...common },
}

export const listTokens = {
  operationId: 'adminListTokensBySubject',
  summary: 'List the personal access tokens of a user of your application',
  description: 'Newest first unless sorted otherwise, without the plain text. Empty for an id that was never used.',
  tags,
  params: BySubject,
  querystring: ListQuery,
  response: { 200: TokenList, 422: validationProblem },
}

export const revokeTokens = {
  operationId: 'adminRevokeTokensBySubject',
  summary: 'Revoke all personal access tokens of a user of your application',
  tags,
  params: BySubject,
  response: {
    200: revokedMany,
    202: unfinished,
    204: noContent('Revoked; no other token was'),
    422: validationProblem,
  },
}

export const rotateToken = {
  operationId: 'adminRotateTokenBySubject',
  summary: 'Replace a token of a user of your application',
  description: 'The successor has the same name, scopes and lifetime, and expires no later than its family.',
  tags,
  params: TokenBySubject,
  body: RotateToken,
  response: { 201: IssuedSchema, 404: unknownToken, 409: endedToken, ...common },
}

export const revokeToken = {
  operationId: 'adminRevokeTokenBySubject',
  summary: 'Revoke a token of a user of your application',
  tags,
  params: TokenBySubject,
  response: { 200: revokedWithIssued, 204: revokedResponse, 404: unknownToken, 422: validationProblem },
}

export const disableUser = {
  operationId: 'adminDisableUserBySubject',
  summary: 'Disable a user of your application',
  description:
    'Takes effect on the next request with any of the tokens of the user, also of one whose id was never used before. Resource servers are notified of more than 1,000 tokens in batches, within seconds.',
  tags,
  params: BySubject,
  response: { 200: UserResponse, 409: disabledUser, 422: validationProblem },
}

export const enableUser = {
  operationId: 'adminEnableUserBySubject',
  summary: 'Enable a user of your application',
  description: 'Takes effect on the next request with any of the tokens of the user.',
  tags,
  params: BySubject,
  response: { 200: UserResponse, 404: unknownUser, 422: validationProblem },
}

export const removeUser = {
  operationId: 'adminRemoveUserBySubject',
  summary: 'Remove a user of your application',
  description:
    'Disables the user, ends all sessions, revokes every access and refresh token, and forgets the consents. The id stays for the audit log; a user with the same id has to be enabled first, and starts without tokens.',
  tags,
  params: BySubject,
  response: { 200: revokedMany, 202: unfinished, 204: noContent('Removed'), 422: validationProblem },
}

import { Type } from 'typebox'

const text = (description: string) => Type.Optional(Type.String({ description }))

/** For the OpenAPI document: the handler reports missing parameters with the error codes of the protocol. */
export const authorizeSchema = {
  operationId: 'authorize',
  summary: 'Request authorization from a user',
  description:
    'The authorization endpoint of RFC 6749 §3.1: browsers are redirected here. POST works too. Errors go to the `redirect_uri` of the app, or are shown as a page when it is missing or invalid.',
  tags: ['OAuth'],
  querystring: Type.Object({
    client_id: Type.String(),
    response_type: text('`code`'),
    redirect_uri: text('Exactly as registered; the port of a loopback address is free'),
    scope: text('Space-delimited; left out: the defaults'),
    state: text('Returned with the response; with `redirect_uri` at most 2,500 characters, encoded as in a URL'),
    code_challenge: text('SHA-256 of the code verifier in base64url (RFC 7636)'),
    code_challenge_method: text('`S256`'),
    resource: text('The audience of a registered resource server (RFC 8707); may come more than once'),
    prompt: text('`none`, or of `login`, `consent` and `select_account`'),
    response_mode: text('`query`'),
    request_uri: text('A pushed request (RFC 9126), in place of all other parameters except `client_id`'),
  }),
  response: {
    200: {
      description: 'The consent page',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
    303: Type.Null({
      description: 'To the sign-in page, or to the app with `code`, `state` and `iss`, or with `error`',
    }),
    400: {
      description: 'A page that describes the error',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
    429: {
      description: 'A page: too many pending requests of this user or from this address; try again after `Retry-After`',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
  },
}

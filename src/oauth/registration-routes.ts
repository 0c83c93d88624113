import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { BEARER } from '../../packages/guard/src/openapi.ts'
import type { Clients } from '../clients/clients.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { peerOf } from '../http/forwarded.ts'
import { useErrorRenderer } from '../http/problems.ts'
import { sendRateLimit } from '../http/rate-limit.ts'
import { noContent } from '../http/schemas.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { Throttle } from '../users/throttle.ts'
import { sendProtocolError } from './context.ts'
import { createRegistration } from './registration.ts'
import { asRegistrationError, toInformation } from './registration-metadata.ts'
import { errorResponses, Information, RegistrationBody } from './registration-schemas.ts'
import { protocolError } from './schemas.ts'

export interface RegistrationRoutesOptions {
  clients: Clients
  catalogue: Catalogue
  db: Database
  throttle: Throttle
  config: Pick<Config, 'issuer' | 'initialAccessToken' | 'dcr'>
}

const tags = ['OAuth']
const security = [{ [BEARER]: [] }]
const Params = Type.Object({ id: Type.String({ description: 'The `client_id`' }) })

const registerClientSchema = {
  operationId: 'registerClient',
  summary: 'Register a client',
  description:
    'RFC 7591, with the initial access token from the operator. With `DCR=open` it needs none; then the client ends after 24 hours unless a user authorizes it.',
  tags,
  security,
  body: RegistrationBody,
  response: {
    201: Information,
    ...errorResponses,
    403: protocolError('As many clients have registered themselves as the operator allows'),
    429: protocolError('Too many registrations within an hour; `Retry-After` says when to try again'),
  },
}

const readRegistrationSchema = {
  operationId: 'readRegistration',
  summary: 'Read the registration of a client',
  description: 'RFC 7592 §2.1, with the registration access token. The response does not contain the secret.',
  tags,
  security,
  params: Params,
  response: { 200: Information, ...errorResponses },
}

const replaceRegistrationSchema = {
  operationId: 'replaceRegistration',
  summary: 'Replace the registration of a client',
  description: 'RFC 7592 §2.2. Omitted properties get their default.',
  tags,
  security,
  params: Params,
  body: RegistrationBody,
  response: { 200: Information, ...errorResponses },
}

const removeRegistrationSchema = {
  operationId: 'removeRegistration',
  summary: 'Remove a client',
  description: 'RFC 7592 §2.3. Its tokens are rejected from the next request on.',
  tags,
  security,
  params: Params,
  response: { 204: noContent('The client has been removed'), ...errorResponses },
}

/** Dynamic client registration (RFC 7591, RFC 7592). With `DCR=off` there are no routes. */
export function registrationRoutes(options: RegistrationRoutesOptions): FastifyPluginAsyncTypebox {
  const { issuer, initialAccessToken, dcr } = options.config
  if (dcr === 'off') return async () => {}
  const registration = createRegistration({ ...options, initialAccessToken, open: dcr === 'open' })

  return async app => {
    useRegistrationErrors(app)
    app.addHook('preValidation', request =>
      registration.authorize((request.params as { id?: string }).id, tokenOf(request, dcr)),
    )

    app.post(
      '/register',
      {
        schema: registerClientSchema,
      },
      async (request, reply) => {
        const registered = await registration.register(tokenOf(request, dcr), request.body, peerOf(request))
        sendRateLimit(reply, registered.rateLimit)
        return reply.code(201).send(toInformation(registered, issuer) as never)
      },
    )

    app.get(
      '/register/:id',
      {
        schema: readRegistrationSchema,
      },
      async request => toInformation(await registration.read(...credentialsOf(request)), issuer) as never,
    )

    app.put(
      '/register/:id',
      {
        schema: replaceRegistrationSchema,
      },
      async request => {
        const changed = await registration.replace(...credentialsOf(request), request.body)
        return toInformation(changed, issuer) as never
      },
    )

    app.delete(
      '/register/:id',
      {
        schema: removeRegistrationSchema,
      },
      async (request, reply) => {
        await registration.remove(...credentialsOf(request))
        return reply.code(204).send(null)
      },
    )
  }
}

/** The bearer token; undefined if there is none and an open registration needs none. @throws 401 */
function tokenOf(request: FastifyRequest, dcr: Config['dcr']): string | undefined {
  const isOpen = dcr === 'open' && request.method === 'POST' && request.headers.authorization === undefined
  return isOpen ? undefined : bearerText(request as never)
}

const credentialsOf = (request: { params: { id: string } }): [string, string] => [
  request.params.id,
  bearerText(request as never),
]

/** Configures JSON bodies, errors in the format of RFC 7591 §3.2.2, and `no-store`. */
function useRegistrationErrors(app: FastifyInstance): void {
  app.addHook('preValidation', async (request: FastifyRequest) => {
    request.body = withoutNulls(request.body)
  })
  useErrorRenderer(app, (reply, error) => sendProtocolError(reply, asRegistrationError(error)))
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
  })
}

/** Null properties count as omitted (RFC 7592 §2.2). */
function withoutNulls(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}

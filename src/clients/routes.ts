import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { PageOf, page } from '../http/paging.ts'
import { noContent, problem, validationProblem } from '../http/schemas.ts'
import { ownerOf } from '../users/routes.ts'
import type { Client } from './client.entity.ts'
import type { Clients } from './clients.ts'
import {
  ChangeClient,
  ChangeManagedClient,
  ClientResponse,
  ClientSchema,
  ClientWithSecret,
  CreateClient,
  CreateManagedClient,
  clientTag,
  ListClientsQuery,
  RotateSecret,
  toClient,
  toSettings,
  withSecret,
} from './schemas.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** By a session of the pages, only within ten minutes after the password was entered. */
    needsFreshSignIn?: boolean
  }
}

const unknownClient = problem('There is no such client')
const revokedClient = problem('The client has been revoked, or has no secret')
const cannotCreate = (write: string) =>
  problem(
    write === 'clients:write'
      ? 'The token lacks `clients:write`, or the user has reached the maximum number of applications'
      : `The token lacks a scope: ${write}`,
  )
const Params = Type.Object({ id: Type.String({ description: 'Id of a client' }) })

export interface ClientRoutesOptions {
  clients: Clients
  /** The user whose clients the routes manage; undefined: all clients. */
  owner: (request: FastifyRequest) => string | undefined
  read: 'clients:read' | 'admin:read'
  write: 'clients:write' | 'admin:write'
  tag: string
  /** A prefix for operation ids, and a word for the summaries. */
  descriptions: { prefix: string; owner: string }
  create: typeof CreateClient | typeof CreateManagedClient
  change: typeof ChangeClient | typeof ChangeManagedClient
}

/** A user's own apps, at `/api/clients`. */
export const ownClients = (clients: Clients) =>
  clientRoutes({
    clients,
    owner: ownerOf,
    read: 'clients:read',
    write: 'clients:write',
    tag: 'Applications',
    descriptions: { prefix: '', owner: 'your' },
    create: CreateClient,
    change: ChangeClient,
  })

/** Every client of the deployment, at `/admin/clients`. */
export const allClients = (clients: Clients) =>
  clientRoutes({
    clients,
    owner: () => undefined,
    read: 'admin:read',
    write: 'admin:write',
    tag: 'Administration',
    descriptions: { prefix: 'admin', owner: 'all' },
    create: CreateManagedClient,
    change: ChangeManagedClient,
  })

/** The schemas of the routes. `create` and `change` are the bodies that the caller may send. */
function clientSchemas({ tag, descriptions, write, create, change }: ClientRoutesOptions) {
  const tags = [tag]
  const withName = (act: string) =>
    descriptions.prefix ? descriptions.prefix + act.charAt(0).toUpperCase() + act.slice(1) : act
  return {
    list: {
      operationId: withName('listClients'),
      summary: `List ${descriptions.owner} applications`,
      description: 'Oldest first unless sorted otherwise, without secrets.',
      tags,
      querystring: ListClientsQuery,
      response: { 200: PageOf(ClientSchema), 422: validationProblem },
    },
    create: {
      operationId: withName('createClient'),
      summary: 'Register an application',
      description: 'Only this response contains the secret.',
      tags,
      body: create,
      response: { 201: ClientWithSecret, 403: cannotCreate(write), 422: validationProblem },
    },
    get: {
      operationId: withName('getClient'),
      summary: `Get one of ${descriptions.owner} applications`,
      tags,
      params: Params,
      response: { 200: ClientResponse, 404: unknownClient },
    },
    change: {
      operationId: withName('changeClient'),
      summary: `Change one of ${descriptions.owner} applications`,
      description: 'Takes effect on the next request of the application.',
      tags,
      params: Params,
      body: change,
      response: { 200: ClientWithSecret, 404: unknownClient, 409: revokedClient, 422: validationProblem },
    },
    rotateSecret: {
      operationId: withName('rotateClientSecret'),
      summary: 'Rotate the secret of an application',
      description: 'The old secret stays valid for `overlap` seconds, so that every copy can be replaced.',
      tags,
      params: Params,
      body: RotateSecret,
      response: { 201: ClientWithSecret, 404: unknownClient, 409: revokedClient, 422: validationProblem },
    },
    revoke: {
      operationId: withName('revokeClient'),
      summary: 'Revoke an application',
      description: 'All of its tokens stop working immediately.',
      tags,
      params: Params,
      response: { 204: noContent('Revoked'), 404: unknownClient },
    },
  }
}

function clientRoutes(options: ClientRoutesOptions): FastifyPluginAsyncTypebox {
  const { clients, owner, read, write } = options
  const schemas = clientSchemas(options)
  const mayWrite = { config: { needsFreshSignIn: true }, preValidation: checkScopes(write) }
  const find = (request: FastifyRequest, id: string): Promise<Client> => clients.find(id, owner(request))

  return async app => {
    app.get('/clients', { preValidation: checkScopes(read), schema: schemas.list }, async request => {
      const userId = owner(request)
      const { search, sort } = request.query
      return page(request.query, pageRequest => clients.list({ ...pageRequest, userId, search, sort }), toClient)
    })

    app.post('/clients', { ...mayWrite, schema: schemas.create }, async (request, reply) => {
      const { name } = request.body
      const created = await clients.create({
        ...toSettings(request.body),
        name,
        userId: owner(request),
        withinQuota: true,
      })
      return reply.code(201).send(withSecret(created))
    })

    app.get('/clients/:id', { preValidation: checkScopes(read), schema: schemas.get }, async (request, reply) => {
      const client = await find(request, request.params.id)
      withTag(reply, clientTag(client))
      return { data: toClient(client) }
    })

    app.patch('/clients/:id', { ...mayWrite, schema: schemas.change }, async (request, reply) => {
      const { id } = await find(request, request.params.id)
      const changed = await clients.update(id, toSettings(request.body), ifMatch(request, clientTag))
      withTag(reply, clientTag(changed.client))
      return withSecret(changed)
    })

    app.post('/clients/:id/secret', { ...mayWrite, schema: schemas.rotateSecret }, async (request, reply) => {
      const { id } = await find(request, request.params.id)
      const rotated = await clients.rotateSecret(id, { overlapSeconds: request.body?.overlap })
      return reply.code(201).send(withSecret(rotated))
    })

    app.delete('/clients/:id', { ...mayWrite, schema: schemas.revoke }, async (request, reply) => {
      await clients.revoke((await find(request, request.params.id)).id)
      return reply.code(204).send(null)
    })
  }
}

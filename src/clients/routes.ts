import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { closed, noContent, problem, validationProblem } from '../http/schemas.ts'
import { ownerOf } from '../users/routes.ts'
import type { Client } from './client.entity.ts'
import type { Clients } from './clients.ts'
import {
  ChangeClient,
  ChangeManagedClient,
  ClientAnswer,
  ClientSchema,
  ClientWithSecret,
  CreateClient,
  CreateManagedClient,
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
const mayNotCreate = (write: string) =>
  problem(
    write === 'clients:write'
      ? 'The token lacks `clients:write`, or the user has as many applications as one user may have'
      : `The token lacks a scope: ${write}`,
  )
const Params = Type.Object({ id: Type.String({ description: 'Id of a client' }) })

export interface ClientRoutesOptions {
  clients: Clients
  /** Whose clients these routes are about; undefined: everybody's. */
  owner: (request: FastifyRequest) => string | undefined
  read: 'clients:read' | 'admin:read'
  write: 'clients:write' | 'admin:write'
  tag: string
  /** Put before the operation ids and said in the summaries. */
  descriptions: { prefix: string; words: string }
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
    descriptions: { prefix: '', words: 'your' },
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
    descriptions: { prefix: 'admin', words: 'all' },
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
      summary: `List ${descriptions.words} applications`,
      description: 'Oldest first. Never a secret.',
      tags,
      querystring: Type.Object(paging, closed),
      response: { 200: PageOf(ClientSchema), 422: validationProblem },
    },
    create: {
      operationId: withName('createClient'),
      summary: 'Register an application',
      description: 'Its secret is shown once, in this answer.',
      tags,
      body: create,
      response: { 201: ClientWithSecret, 403: mayNotCreate(write), 422: validationProblem },
    },
    get: {
      operationId: withName('getClient'),
      summary: `Get one of ${descriptions.words} applications`,
      tags,
      params: Params,
      response: { 200: ClientAnswer, 404: unknownClient },
    },
    change: {
      operationId: withName('changeClient'),
      summary: `Change one of ${descriptions.words} applications`,
      description: 'Takes effect on the next request of the application.',
      tags,
      params: Params,
      body: change,
      response: { 200: ClientWithSecret, 404: unknownClient, 409: revokedClient, 422: validationProblem },
    },
    rotateSecret: {
      operationId: withName('rotateClientSecret'),
      summary: 'Give an application a new secret',
      description: 'The one before lives on for `overlap` seconds, so that every copy can be replaced.',
      tags,
      params: Params,
      body: RotateSecret,
      response: { 201: ClientWithSecret, 404: unknownClient, 409: revokedClient, 422: validationProblem },
    },
    revoke: {
      operationId: withName('revokeClient'),
      summary: 'Revoke an application',
      description: 'From the next request on none of its tokens opens anything.',
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
      return page(request.query, pageRequest => clients.list({ ...pageRequest, userId }), toClient)
    })

    app.post('/clients', { ...mayWrite, schema: schemas.create }, async (request, reply) => {
      const { name } = request.body
      const made = await clients.create({
        ...toSettings(request.body),
        name,
        userId: owner(request),
        withinQuota: true,
      })
      return reply.code(201).send(withSecret(made))
    })

    app.get('/clients/:id', { preValidation: checkScopes(read), schema: schemas.get }, async request => ({
      data: toClient(await find(request, request.params.id)),
    }))

    app.patch('/clients/:id', { ...mayWrite, schema: schemas.change }, async request => {
      const { id } = await find(request, request.params.id)
      return withSecret(await clients.update(id, toSettings(request.body)))
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

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ResourceType } from './attributes.ts'
import { SCIM_JSON, scimError } from './errors.ts'
import { parseFilter } from './filter.ts'
import { listResources, readPage, type Source } from './list.ts'
import { fieldOf } from './patch.ts'
import { type Precondition, satisfies } from './precondition.ts'
import { createProjection } from './projection.ts'
import type { Resource } from './values.ts'

export interface ResourceHandlers {
  type: ResourceType
  source: Source
  find(id: string): Promise<Resource>
  create(body: unknown): Promise<Resource>
  replace(id: string, body: unknown, precondition: Precondition): Promise<unknown>
  patch(id: string, body: unknown, precondition: Precondition): Promise<unknown>
  remove(id: string, precondition: Precondition): Promise<void>
  /** Whether a PATCH returns nothing unless the request names attributes: a large group would be sent back for each member. */
  patchReturnsNothing: boolean
}

type Request = FastifyRequest<{ Params: { id: string }; Querystring: Record<string, unknown> }>

const hidden = { schema: { hide: true } as never }

/** The routes of a kind of resource (RFC 7644 §3.2). */
export function resourceRoutes(app: FastifyInstance, handlers: ResourceHandlers): void {
  const { type, source } = handlers
  const { endpoint } = type
  const projectionOf = ({ attributes, excludedAttributes }: Record<string, unknown>) =>
    createProjection(type, names(attributes), names(excludedAttributes))

  function list(parameters: Record<string, unknown>): Promise<Resource> {
    const { filter, startIndex, count } = parameters
    if (filter !== undefined && typeof filter !== 'string')
      throw scimError('invalidFilter', 'There is more than one filter.')
    const query = { ...readPage(startIndex, count), filter: filter ? parseFilter(type, filter) : undefined }
    return listResources(source, { ...query, projection: projectionOf(parameters) })
  }

  function send(reply: FastifyReply, query: Record<string, unknown>, resource: Resource): FastifyReply {
    const { version, location } = resource.meta as { version: string; location: string }
    reply.headers({ etag: version, location }).type(SCIM_JSON)
    return reply.send(projectionOf(query).project(resource))
  }

  app.get(endpoint, hidden, async ({ query }: Request, reply) => reply.type(SCIM_JSON).send(await list(query)))

  app.post(`${endpoint}/.search`, hidden, async ({ body }: Request, reply) => {
    return reply.type(SCIM_JSON).send(await list(searchParameters(body)))
  })

  app.get(`${endpoint}/:id`, hidden, async ({ params, query, headers }: Request, reply) => {
    const resource = await handlers.find(params.id)
    const { version } = resource.meta as { version: string }
    const known = headers['if-none-match']
    if (known !== undefined && satisfies(known, version)) return reply.code(304).header('etag', version).send()
    return send(reply, query, resource)
  })

  app.post(endpoint, hidden, async ({ body, query }: Request, reply) => {
    projectionOf(query)
    return send(reply.code(201), query, await handlers.create(body))
  })

  app.put(`${endpoint}/:id`, hidden, async ({ params, body, query, headers }: Request, reply) => {
    projectionOf(query)
    await handlers.replace(params.id, body, headers['if-match'])
    return send(reply, query, await handlers.find(params.id))
  })

  app.patch(`${endpoint}/:id`, hidden, async ({ params, body, query, headers }: Request, reply) => {
    projectionOf(query)
    await handlers.patch(params.id, body, headers['if-match'])
    if (handlers.patchReturnsNothing && query.attributes === undefined) return reply.code(204).send()
    return send(reply, query, await handlers.find(params.id))
  })

  app.delete(`${endpoint}/:id`, hidden, async ({ params, headers }: Request, reply) => {
    await handlers.remove(params.id, headers['if-match'])
    return reply.code(204).send()
  })
}

/** `attributes` of a URL is a list with commas, that of a search request an array (RFC 7644 §3.4.3). */
function names(value: unknown): string[] | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const list = (Array.isArray(value) ? value : [value]).flatMap(one =>
    typeof one === 'string' ? one.split(',') : [one],
  )
  if (list.every(one => typeof one === 'string')) return list as string[]
  throw scimError('invalidValue', 'attributes and excludedAttributes are lists of names.')
}

const SEARCH_PARAMETERS = ['attributes', 'excludedAttributes', 'filter', 'startIndex', 'count']

const searchParameters = (body: unknown): Record<string, unknown> =>
  Object.fromEntries(SEARCH_PARAMETERS.map(name => [name, fieldOf(body, name.toLowerCase())]))

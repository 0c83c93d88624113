import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import { setActor } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import { notFound, PosternError, raise } from '../errors/errors.ts'
import { peerOf } from '../http/forwarded.ts'
import { useErrorRenderer } from '../http/problems.ts'
import { parseJsonAs } from '../http/validation.ts'
import { hashSecret, isSecret } from '../security/secrets.ts'
import type { Throttle } from '../users/throttle.ts'
import { DIRECTORY_ID } from './actor.ts'
import { GROUP, USER } from './attributes.ts'
import { resourceTypes, schemas, serviceProviderConfig, wholeList } from './discovery.ts'
import { SCIM_JSON, sendScimError } from './errors.ts'
import { resourceRoutes } from './resource-routes.ts'
import type { ScimServices } from './services.ts'
import type { Resource } from './values.ts'

export interface ScimRoutesOptions {
  scim: ScimServices
  throttle: Throttle
  config: Pick<Config, 'scimToken'>
}

/** Octets of a body: a group with thousands of members. */
const BODY_LIMIT = 1_048_576

/**
 * SCIM 2.0 (RFC 7643, RFC 7644), for the directory that has SCIM_TOKEN. Without SCIM_TOKEN the routes do not exist. They are not in
 * the OpenAPI document, since `Schemas` describes them (docs/adr/0072-users-of-a-directory.md).
 */
export function scimRoutes({ scim, throttle, config }: ScimRoutesOptions): FastifyPluginAsync {
  return async app => {
    if (config.scimToken === undefined) return
    const expected = hashSecret(config.scimToken)
    useErrorRenderer(app, sendScimError)
    app.removeAllContentTypeParsers()
    parseJsonAs(app, [SCIM_JSON, 'application/json'], BODY_LIMIT)

    async function authenticate(request: FastifyRequest): Promise<void> {
      if (isSecret(bearerText(request as never), expected)) return throttle.limitDirectory()
      await throttle.limitAnonymous(peerOf(request))
      throw invalidToken('The token is not SCIM_TOKEN.')
    }
    app.addHook('onRequest', authenticate)
    app.addHook('preValidation', async () => setActor({ clientId: DIRECTORY_ID }))
    app.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'))

    discoveryRoutes(app, scim.base)
    const { users, userSource, groups, groupSource } = scim
    resourceRoutes(app, { ...users, type: USER, source: userSource, patchReturnsNothing: false })
    resourceRoutes(app, { ...groups, type: GROUP, source: groupSource, patchReturnsNothing: true })
    app.all('/*', { schema: { hide: true } as never }, async () => raise(notFound('route')))
  }
}

/** RFC 7644 §4. A filter is forbidden there. */
function discoveryRoutes(app: FastifyInstance, base: string): void {
  const hidden = { schema: { hide: true } as never }
  app.get('/ServiceProviderConfig', hidden, async (_, reply) => reply.type(SCIM_JSON).send(serviceProviderConfig(base)))
  for (const [path, resources] of [
    ['/ResourceTypes', resourceTypes(base)],
    ['/Schemas', schemas(base)],
  ] as const) {
    app.get(path, hidden, async (_, reply) => reply.type(SCIM_JSON).send(wholeList(resources)))
    app.get<{ Params: { id: string } }>(`${path}/:id`, hidden, async ({ params }, reply) =>
      reply.type(SCIM_JSON).send(named(resources, params.id)),
    )
  }
  for (const path of ['/Me', '/Bulk']) app.all(path, hidden, async () => raise(notImplemented()))
}

const named = (resources: readonly Resource[], id: string): Resource =>
  resources.find(resource => String(resource.id).toLowerCase() === id.toLowerCase()) ?? raise(notFound('resource'))

/** RFC 7644 §3.11, §3.7. */
const notImplemented = () =>
  new PosternError({ status: 501, code: 'request_not_supported', detail: 'The server does not implement this.' })

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { guard, type Token } from '../packages/guard/src/index.ts'
import { adminRoutes } from './admin/routes.ts'
import { actingFor, boundedUserAgent } from './audit/actor.ts'
import { EXPLORER_ID } from './clients/explorer.ts'
import { allClients, ownClients } from './clients/routes.ts'
import { authorizationRoutes } from './grants/authorization-routes.ts'
import type { House } from './house.ts'
import { openNoBrowserDialog } from './http/browser-dialog.ts'
import { connectionLimits, endIdleOnClose } from './http/connections.ts'
import { useForwarded } from './http/forwarded.ts'
import { healthRoutes } from './http/health.ts'
import { loggerOptions, loggerWithin, useRequestLog } from './http/logging.ts'
import { malformedProblem } from './http/malformed.ts'
import { measureRequests, metricsRoutes } from './http/metrics.ts'
import { openapi } from './http/openapi.ts'
import { frameworkProblem, useProblems } from './http/problems.ts'
import { useSecurityHeaders } from './http/security-headers.ts'
import { serializerCompiler } from './http/serialization.ts'
import { useStrictInput } from './http/validation.ts'
import { keyRoutes } from './keys/routes.ts'
import { metadataRoutes, wellKnown } from './oauth/metadata-routes.ts'
import { registrationRoutes } from './oauth/registration-routes.ts'
import { oauthRoutes } from './oauth/routes.ts'
import { usageRoutes } from './oauth/usage-routes.ts'
import { scopeRoutes } from './scopes/routes.ts'
import { feedRoutes } from './status/feed-routes.ts'
import { measureRevocation } from './status/measures.ts'
import { statusListRoutes } from './status/routes.ts'
import { type TokenUser, userBehind } from './tokens/records.ts'
import { provesItself, tokenRoutes } from './tokens/routes.ts'
import { createSessionToken } from './tokens/session-token.ts'
import { userRoutes } from './users/routes.ts'
import { explorerTheme } from './web/explorer.ts'
import { pages } from './web/pages.ts'
import { useSessionDoor } from './web/session-door.ts'
import { createSite } from './web/site.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** In our own server, behind a guard: the user of the token; null for a machine's. */
    readonly user: TokenUser | null
  }
}

/** The whole server as a plugin, in boot order; mount it with a prefix or without. */
export function serverPlugin(house: House, mounted = false): FastifyPluginAsync {
  return async app => {
    const { config, catalogue, db, changes, keys, users, throttle, signIn, tokens, usage, authenticate } = house
    useProblems(app)
    useStrictInput(app)
    app.setSerializerCompiler(serializerCompiler)
    useRequestLog(app)
    app.addHook('preValidation', actForRequest)
    openNoBrowserDialog(app)
    app.decorateRequest('user', { getter: requestUser } as never)

    useSecurityHeaders(app, mounted ? undefined : config)
    const site = createSite(config, app.prefix)
    const explorer = { clientId: EXPLORER_ID, ensure: house.ensureExplorer, theme: explorerTheme(site) }
    await app.register(openapi, { issuer: config.issuer, scopes: catalogue.scopes, explorer })
    await app.register(guard, { authenticate })
    await app.register(metricsRoutes(config.metricsToken, [measureRequests(app), measureRevocation(house)]))

    await app.register(app.prefix ? metadataRoutes(house) : wellKnown(house))
    await app.register(scopeRoutes(catalogue))
    await app.register(keyRoutes(keys))
    await app.register(healthRoutes({ db, changes }))
    await app.register(statusListRoutes(house.lists), { prefix: '/oauth' })
    await app.register(feedRoutes(house), { prefix: '/oauth' })
    await app.register(oauthRoutes(house), { prefix: '/oauth' })
    await app.register(usageRoutes(house), { prefix: '/oauth' })
    await app.register(registrationRoutes(house), { prefix: '/oauth' })
    await app.register(pages(house))
    await app.register(
      async api => {
        api.addHook('onSend', neverStored)
        const sessionToken = createSessionToken(house.clients)
        await useSessionDoor(api, { site, sessions: house.sessions, sessionToken, provesItself })
        const isPersonal = async ({ clientId }: Token) => clientId === (await house.clients.personalAccess()).id
        await api.register(userRoutes({ users, throttle, isPersonal }))
        await api.register(tokenRoutes({ tokens, usage, signIn, catalogue }))
        await api.register(ownClients(house.clients))
        await api.register(authorizationRoutes(house.authorizations))
      },
      { prefix: '/api' },
    )
    await app.register(
      async admin => {
        admin.addHook('onSend', neverStored)
        await admin.register(adminRoutes(house))
        await admin.register(allClients(house.clients))
      },
      { prefix: '/admin' },
    )
  }
}

/**
 * A server of its own around the house. It does not listen, and closes the house when it is closed.
 * @param within the application that it is mounted in, whose prefix and log it takes, and which closes the house itself
 */
export async function createApp(house: House, within?: FastifyInstance): Promise<FastifyInstance> {
  const { logLevel, trustProxy } = house.config
  const app = Fastify({
    ...(within ? { loggerInstance: loggerWithin(within.log) } : { logger: loggerOptions(logLevel) }),
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy,
    bodyLimit: 65_536,
    ...connectionLimits(house.config),
    return503OnClosing: true,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: frameworkProblem,
    clientErrorHandler: malformedProblem,
  }).withTypeProvider<TypeBoxTypeProvider>()
  useForwarded(app as unknown as FastifyInstance, trustProxy)
  if (within?.prefix) await app.register(wellKnown(house))
  await app.register(serverPlugin(house, within !== undefined), { prefix: within?.prefix ?? '' })
  const own = app as unknown as FastifyInstance
  if (within) return own
  endIdleOnClose(own)
  own.addHook('onClose', () => house.close())
  return own
}

/** After the body was read, since reading it leaves the asynchronous context it began in. */
function actForRequest(request: FastifyRequest, _reply: unknown, done: () => void) {
  const nobody = { userId: null, clientId: null, tokenId: null, sessionId: null }
  const userAgent = boundedUserAgent(request.headers['user-agent'])
  actingFor({ ...nobody, address: request.ip, userAgent }, done)
}

function requestUser(this: FastifyRequest): TokenUser | null {
  return this.token ? userBehind(this.token) : null
}

function neverStored(_request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void) {
  reply.header('cache-control', 'no-store')
  done()
}

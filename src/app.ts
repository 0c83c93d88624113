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
import { boundedUserAgent, runWithActor } from './audit/actor.ts'
import { EXPLORER_ID } from './clients/explorer.ts'
import { allClients, ownClients } from './clients/routes.ts'
import { authorizationRoutes } from './grants/authorization-routes.ts'
import { openNoBrowserDialog } from './http/browser-dialog.ts'
import { connectionLimits, endIdleOnClose } from './http/connections.ts'
import { createCors, useCors } from './http/cors.ts'
import { peerOf, useForwardedHeaders } from './http/forwarded.ts'
import { healthRoutes } from './http/health.ts'
import { loggerOptions, loggerWithin, useRequestLog } from './http/logging.ts'
import { malformedProblem } from './http/malformed.ts'
import { metricsRoutes, requestMetrics } from './http/metrics.ts'
import { openapi } from './http/openapi.ts'
import { peerRoutes } from './http/peer-routes.ts'
import { createFrameworkProblem, useProblemErrors } from './http/problems.ts'
import { createReadiness } from './http/readiness.ts'
import { requestIds, useRequestId } from './http/request-id.ts'
import { useSecurityHeaders } from './http/security-headers.ts'
import { serializerCompiler } from './http/serialization.ts'
import { useStrictInput } from './http/validation.ts'
import { useIdempotency } from './idempotency/plugin.ts'
import { keyRoutes } from './keys/routes.ts'
import { lostRevocationsRoutes } from './oauth/lost-revocations-routes.ts'
import { metadataRoutes, wellKnown } from './oauth/metadata-routes.ts'
import { registrationRoutes } from './oauth/registration-routes.ts'
import { oauthRoutes } from './oauth/routes.ts'
import { usageRoutes } from './oauth/usage-routes.ts'
import { adminOperations, operationRoutes } from './operations/routes.ts'
import { useOperations } from './operations/send.ts'
import { ownUsersRoutes } from './own-users/routes.ts'
import { scimRoutes } from './scim/routes.ts'
import { scopeRoutes } from './scopes/routes.ts'
import { adminServiceAccounts } from './service-accounts/admin-routes.ts'
import { serviceAccountRoutes } from './service-accounts/routes.ts'
import type { Services } from './services.ts'
import { feedRoutes } from './status/feed-routes.ts'
import { revocationMetrics } from './status/metrics.ts'
import { statusListRoutes } from './status/routes.ts'
import { hasCredentialsInBody } from './tokens/issue-routes.ts'
import { type PublicUser, userOfToken } from './tokens/records.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { createSessionToken } from './tokens/session-token.ts'
import { trustRoutes } from './trusts/routes.ts'
import { userRoutes } from './users/routes.ts'
import { showUserIds } from './users/show-user-ids.ts'
import { explorerPage } from './web/explorer.ts'
import { pages } from './web/pages.ts'
import { useSessionAuthentication } from './web/session-authentication.ts'
import { createSite } from './web/site.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** In our own server, behind a guard: the user of the token; null for a machine's. */
    readonly user: PublicUser | null
  }
}

/** The whole server as a plugin, in boot order; mount it with a prefix or without. */
export function serverPlugin(services: Services, mounted = false): FastifyPluginAsync {
  return async app => {
    const { config, catalogue, db, keys, signIn, tokens, usage, authenticate } = services
    useProblemErrors(app)
    useStrictInput(app)
    app.setSerializerCompiler(serializerCompiler)
    useRequestLog(app)
    app.addHook('preValidation', runWithRequestActor)
    openNoBrowserDialog(app)
    app.addHook('onReady', services.ensureCommandLine)
    app.decorateRequest('user', { getter: requestUser } as never)

    useSecurityHeaders(app, mounted ? undefined : config)
    const site = createSite(services, app.prefix)
    const explorer = {
      clientId: EXPLORER_ID,
      ensure: services.ensureExplorer,
      ...explorerPage(site, services.sessions),
    }
    await app.register(openapi, { issuer: config.issuer, scopes: catalogue.scopes, explorer })
    await app.register(guard, { authenticate })
    const requireReady = createReadiness(services)
    const ofRevocations = revocationMetrics({ ...services, requireReady })
    await app.register(metricsRoutes(config.metricsToken, [requestMetrics(app), ofRevocations]))

    await app.register(app.prefix ? metadataRoutes(services) : wellKnown(services))
    await app.register(scopeRoutes(catalogue))
    await app.register(keyRoutes(keys))
    await app.register(healthRoutes(requireReady))
    await app.register(peerRoutes(config.metricsToken))
    await app.register(statusListRoutes(services.lists), { prefix: '/oauth' })
    await app.register(feedRoutes(services), { prefix: '/oauth' })
    await app.register(oauthRoutes(services), { prefix: '/oauth' })
    await app.register(usageRoutes(services), { prefix: '/oauth' })
    await app.register(lostRevocationsRoutes(services), { prefix: '/oauth' })
    await app.register(registrationRoutes(services), { prefix: '/oauth' })
    await app.register(scimRoutes(services), { prefix: '/scim/v2' })
    await app.register(pages(services))
    await app.register(
      async api => {
        api.addHook('onSend', setNoStore)
        api.addHook('preSerialization', showUserIds(services.userIds))
        useIdempotency(api, { db, appKey: config.appKey })
        useOperations(api, `${site.base}/api/operations`)
        const sessionToken = createSessionToken(services.clients)
        await useSessionAuthentication(api, { ...services, site, sessionToken, hasCredentialsInBody })
        const isPersonal = async ({ clientId }: Token) => clientId === (await services.clients.personalAccess()).id
        await api.register(userRoutes({ ...services, isPersonal }))
        await api.register(tokenRoutes({ ...services, tokens, usage, signIn, catalogue }))
        await api.register(serviceAccountRoutes(services))
        await api.register(ownClients(services.clients))
        await api.register(authorizationRoutes(services.authorizations))
        await api.register(operationRoutes(services.operations))
      },
      { prefix: '/api' },
    )
    await app.register(
      async admin => {
        admin.addHook('onSend', setNoStore)
        admin.addHook('preSerialization', showUserIds(services.userIds))
        useIdempotency(admin, { db, appKey: config.appKey })
        useOperations(admin, `${site.base}/admin/operations`)
        await admin.register(adminRoutes(services))
        await admin.register(ownUsersRoutes(services), { prefix: '/users/by-subject' })
        await admin.register(adminServiceAccounts(services))
        await admin.register(allClients(services.clients))
        await admin.register(trustRoutes(services.trusts))
        await admin.register(adminOperations(services.operations))
      },
      { prefix: '/admin' },
    )
  }
}

/**
 * A server of its own around the services. It does not listen, and closes the services when it is closed.
 * @param parent the application that it is mounted in, whose prefix and log it takes, and which closes the services itself
 */
export async function createApp(services: Services, parent?: FastifyInstance): Promise<FastifyInstance> {
  const { trustProxy } = services.config
  const cors = createCors(services.config, parent?.prefix)
  const app = Fastify({
    ...(parent ? { loggerInstance: loggerWithin(parent.log) } : { logger: loggerOptions(services.config) }),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    trustProxy,
    bodyLimit: 65_536,
    ...requestIds,
    ...connectionLimits(services.config),
    return503OnClosing: true,
    routerOptions: { maxParamLength: 2_300 },
    frameworkErrors: createFrameworkProblem(cors),
    clientErrorHandler: malformedProblem,
  }).withTypeProvider<TypeBoxTypeProvider>()
  useRequestId(app as unknown as FastifyInstance)
  useForwardedHeaders(app as unknown as FastifyInstance, trustProxy)
  useCors(app as unknown as FastifyInstance, cors)
  if (parent?.prefix) await app.register(wellKnown(services))
  await app.register(serverPlugin(services, parent !== undefined), { prefix: parent?.prefix ?? '' })
  const logger = app as unknown as FastifyInstance
  if (parent) return logger
  endIdleOnClose(logger)
  logger.addHook('onClose', () => services.close())
  return logger
}

/** After the body was read, since reading it leaves the asynchronous context it began in. */
function runWithRequestActor(request: FastifyRequest, _reply: unknown, done: () => void) {
  const nobody = { userId: null, clientId: null, tokenId: null, sessionId: null }
  const userAgent = boundedUserAgent(request.headers['user-agent'])
  runWithActor({ ...nobody, ...peerOf(request), userAgent }, done)
}

function requestUser(this: FastifyRequest): PublicUser | null {
  return this.token ? userOfToken(this.token) : null
}

function setNoStore(_request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void) {
  reply.header('cache-control', 'no-store')
  done()
}

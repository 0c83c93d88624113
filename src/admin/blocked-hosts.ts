import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import type { BlockedHost } from '../clients/blocked-host.entity.ts'
import type { BlockedHosts } from '../clients/blocked-hosts.ts'
import { Named, noContent, problem, Time, validationProblem } from '../http/schemas.ts'

const tags = ['Administration']
const Params = Type.Object({ host: Type.String({ examples: ['app.example.com'], description: 'Without a port' }) })
const Blocked = Named(
  'BlockedHost',
  Type.Object({ host: Type.String({ examples: ['app.example.com'] }), created_at: Time() }),
)

/** The JSON of a blocked host. */
export const toBlockedHost = ({ host, createdAt }: BlockedHost) => ({ host, created_at: createdAt })

const mayWrite = { config: { needsFreshSignIn: true }, preValidation: checkScopes('admin:write') }

/** Hosts whose clients, by their metadata documents, are refused. */
export function adminBlockedHosts({ blockedHosts }: { blockedHosts: BlockedHosts }): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/blocked-hosts',
      {
        preValidation: checkScopes('admin:read'),
        schema: {
          operationId: 'adminListBlockedHosts',
          summary: 'List the blocked hosts',
          description: 'Hosts of metadata documents whose clients are refused, in alphabetical order.',
          tags,
          response: { 200: Type.Object({ data: Type.Array(Blocked) }) },
        },
      },
      async () => ({ data: (await blockedHosts.list()).map(toBlockedHost) }),
    )

    app.put(
      '/blocked-hosts/:host',
      {
        ...mayWrite,
        schema: {
          operationId: 'adminBlockHost',
          summary: 'Block a host',
          description:
            'Users can no longer authorize clients whose metadata document is on this host, and every token of these clients is rejected everywhere within a second. Blocking it again continues a request that was interrupted.',
          tags,
          params: Params,
          response: {
            200: Type.Object({
              revoked_clients: Type.Integer({ examples: [1], description: 'How many clients this request revoked' }),
            }),
            422: validationProblem,
          },
        },
      },
      async request => ({ revoked_clients: await blockedHosts.block(request.params.host) }),
    )

    app.delete(
      '/blocked-hosts/:host',
      {
        ...mayWrite,
        schema: {
          operationId: 'adminUnblockHost',
          summary: 'Unblock a host',
          description: 'Users can authorize its clients again. Their earlier tokens stay revoked.',
          tags,
          params: Params,
          response: {
            204: noContent('Unblocked'),
            404: problem('The host is not blocked'),
            422: validationProblem,
          },
        },
      },
      async (request, reply) => {
        await blockedHosts.unblock(request.params.host)
        return reply.code(204).send(null)
      },
    )
  }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger } from 'fastify'
import { Type } from 'typebox'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { invalid } from '../errors/errors.ts'
import { CLIENT_BASIC, closed, Named, problem, validationProblem } from '../http/schemas.ts'
import { createLimit } from '../security/limit.ts'
import type { KnownRevocations, RecoverRevocations } from '../tokens/recover-revocations.ts'
import { authenticateResourceServer, type ResourceServer } from './resource-server.ts'

export interface LostRevocationsOptions {
  clientAuthentication: ClientAuthentication
  recoverRevocations: RecoverRevocations
}

/** Maximum revocations and bytes of a report. */
const MAX_REVOCATIONS = 1_000
const MAX_REPORT_BYTES = 65_536
const MAX_INT = 2_147_483_647
/** Reports that wait on this node. Guards repeat the others later. */
const MAX_WAITING = 20

const Report = Named(
  'LostRevocations',
  Type.Object(
    {
      lists: Type.Array(
        Type.Object(
          {
            list: Type.Integer({ minimum: 1, maximum: MAX_INT, description: 'The number at the end of its URI' }),
            revoked: Type.Array(Type.Integer({ minimum: 0, maximum: MAX_INT }), {
              maxItems: MAX_REVOCATIONS,
              description: 'Indices of revoked tokens',
            }),
          },
          closed,
        ),
        { maxItems: MAX_REVOCATIONS },
      ),
    },
    { ...closed, examples: [{ lists: [{ list: 2, revoked: [5, 17] }] }] },
  ),
)

const Recovered = Named(
  'RecoveredRevocations',
  Type.Object({
    recovered: Type.Integer({ examples: [2], description: 'How many of these tokens were live, and are revoked now' }),
  }),
)

const reportLostRevocationsSchema = {
  operationId: 'reportLostRevocations',
  summary: 'Report revocations that a restored issuer lost',
  description: `For a resource server (a client registered with an \`audience\`): what it knows as revoked and the status \
lists of the issuer no longer have. It is accepted for the time that an operator declared with \`postern restored --collect\`. \
Tokens that are unknown, revoked, expired or issued after the declaration are ignored without an error. At most \
${MAX_REVOCATIONS} revocations at once.`,
  tags: ['Revocation'],
  security: [{ [CLIENT_BASIC]: [] }],
  body: Report,
  response: {
    200: { ...Recovered, description: 'The tokens are revoked' },
    401: problem('Client authentication failed'),
    403: problem(
      'The client is not a resource server (`forbidden`), nothing is collected now (`collection_closed`), or not from this client (`not_collected_from`)',
    ),
    413: problem('The report is too large'),
    422: validationProblem,
  },
}

/** The endpoint where resource servers report revocations that a restored database lacks. No standard defines one. */
export function lostRevocationsRoutes({
  clientAuthentication,
  recoverRevocations,
}: LostRevocationsOptions): FastifyPluginAsyncTypebox {
  const warnOnce = createWarnOnce()
  // Reports wait for each other in the database. Only one of them occupies a connection of this node meanwhile.
  const limited = createLimit(1, MAX_WAITING)

  return async app => {
    app.decorateRequest('resourceServer', null)
    app.post(
      '/lost-revocations',
      {
        bodyLimit: MAX_REPORT_BYTES,
        preValidation: authenticateResourceServer(clientAuthentication, 'report lost revocations'),
        schema: reportLostRevocationsSchema,
      },
      async ({ resourceServer, body: { lists }, log }) => {
        const { id: reporter } = resourceServer as ResourceServer
        requireFew(lists)
        const recovered = await limited(() => recoverRevocations(reporter, lists)).catch(error => {
          if (error.code === 'collection_closed' && lists.length > 0) warnOnce(log, reporter, error.detail)
          throw error
        })
        return { recovered }
      },
    )
  }
}

function requireFew(lists: readonly KnownRevocations[]): void {
  const count = lists.reduce((sum, { revoked }) => sum + revoked.length, 0)
  if (count > MAX_REVOCATIONS) {
    throw invalid({ path: 'lists', message: `must have at most ${MAX_REVOCATIONS} revocations in all` })
  }
}

/** Clients that are remembered, so that each is logged once. */
const MAX_CLIENTS = 1_000

function createWarnOnce() {
  const warned = new Set<string>()
  return (log: FastifyBaseLogger, clientId: string, detail: string) => {
    if (warned.has(clientId) || warned.size >= MAX_CLIENTS) return
    warned.add(clientId)
    log.warn({ client_id: clientId }, `a resource server reports revocations that this database may lack. ${detail}`)
  }
}

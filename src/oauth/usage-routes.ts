import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import { CLIENT_BASIC, closed, Named, noContent, problem, Uuid, validationProblem } from '../http/schemas.ts'
import { parseDateTime } from '../http/time.ts'
import { createIngestUsageReport, type UsageReportOptions } from '../tokens/usage-report.ts'
import { authenticateResourceServer, type ResourceServer } from './resource-server.ts'

export type UsageRoutesOptions = UsageReportOptions & { clientAuthentication: ClientAuthentication }

/** Maximum uses and bytes of a report. */
const MAX_USES = 2_000
const MAX_REPORT_BYTES = 524_288

const Report = Named(
  'UsageReport',
  Type.Object(
    {
      uses: Type.Array(
        Type.Object(
          {
            id: Uuid('Id of the token: its `jti`'),
            at: Type.String({ format: 'date-time', maxLength: 64, description: 'When it was last used' }),
            scopes: Type.Optional(
              Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
                maxItems: 100,
                description: 'Scopes of the token that a check required',
              }),
            ),
          },
          closed,
        ),
        { maxItems: MAX_USES },
      ),
    },
    {
      ...closed,
      examples: [
        {
          uses: [
            { id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11', at: '2026-11-21T10:00:00.000Z', scopes: ['orders:read'] },
          ],
        },
      ],
    },
  ),
)

const reportUsageSchema = {
  operationId: 'reportUsage',
  summary: 'Report the use of tokens',
  description: `For a resource server (a client registered with an \`audience\`): when tokens for this audience were \
last used, and which of their scopes were required. Other tokens are ignored without an error. A time in the \
future is treated as now; a use before the token was issued is ignored. At most ${MAX_USES} uses at once.`,
  tags: ['OAuth'],
  security: [{ [CLIENT_BASIC]: [] }],
  body: Report,
  response: {
    204: noContent('Stored'),
    401: problem('Client authentication failed'),
    403: problem('The client is not a resource server'),
    413: problem('The report is too large'),
    422: validationProblem,
  },
}

/** The endpoint where resource servers report when and with which scopes tokens were used. No standard defines one. */
export function usageRoutes(options: UsageRoutesOptions): FastifyPluginAsyncTypebox {
  const { clientAuthentication } = options
  const ingestUsageReport = createIngestUsageReport(options)

  return async app => {
    app.decorateRequest('resourceServer', null)
    app.post(
      '/usage',
      {
        bodyLimit: MAX_REPORT_BYTES,
        preValidation: authenticateResourceServer(clientAuthentication, 'report the use of tokens'),
        schema: reportUsageSchema,
      },
      async ({ resourceServer, body }, reply) => {
        await ingestUsageReport(
          (resourceServer as ResourceServer).audience,
          body.uses.map(({ id, at, scopes = [] }, i) => ({
            id,
            at: parseDateTime(`uses/${i}/at`, at).getTime(),
            scopes,
          })),
        )
        return reply.code(204).send(null)
      },
    )
  }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import type { Clients } from '../clients/clients.ts'
import { dataUrl } from '../clients/png.ts'
import { ClientSchema, toClient } from '../clients/schemas.ts'
import type { Looked, Preview, Verification, Verifications } from '../clients/verifications.ts'
import { notFound } from '../errors/errors.ts'
import { closed, Named, Nullable, noContent, problem, Time, validationProblem } from '../http/schemas.ts'
import { Id } from './schemas.ts'

const tags = ['Administration']
const unknown = problem('There is no such client, or it is not verified')
const SHA256 = {
  pattern: '^[0-9a-f]{64}$',
  examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
}
const looked = {
  print: Type.String({
    ...SHA256,
    description:
      'A hash of the application: of its name, owner, logo URL, redirect URIs, grant types and authentication',
  }),
  logo_sha256: Nullable(Type.String({ ...SHA256, description: 'SHA-256 of its logo; null: it has none' })),
}
const VerificationSchema = Named(
  'ClientVerification',
  Type.Object({
    verified_at: Time(),
    logo: Type.Boolean({ description: 'Whether a copy of its logo is shown to users' }),
    ...looked,
  }),
)
const PreviewSchema = Named(
  'ClientVerificationPreview',
  Type.Object({
    client: ClientSchema,
    logo: Nullable(Type.String({ description: 'Its logo, as a `data:` URL of a PNG; null: it has none' })),
    ...looked,
  }),
)
const VerifyClient = Named('VerifyClient', Type.Object(looked, closed))
const Response = Type.Object({ data: VerificationSchema })

const lookedJson = ({ print, logoHash }: Looked) => ({ print, logo_sha256: logoHash })

const toJson = (verification: Verification) => ({
  verified_at: verification.verifiedAt.toISOString(),
  logo: verification.logo !== undefined,
  ...lookedJson(verification),
})

const previewJson = (preview: Preview) => ({
  client: toClient(preview.client),
  logo: preview.logo ? dataUrl(preview.logo) : null,
  ...lookedJson(preview),
})

const mayWrite = { config: { needsFreshSignIn: true }, preValidation: checkScopes('admin:write') }

const params = Id('client')

const getSchema = {
  operationId: 'adminGetClientVerification',
  summary: 'Get the verification of an application',
  tags,
  params,
  response: { 200: Response, 404: unknown },
}

const previewSchema = {
  operationId: 'adminPreviewClientVerification',
  summary: 'Get what would be verified of an application',
  description: 'Fetches the logo from its host, so that somebody can look at it.',
  tags,
  params,
  response: {
    200: Type.Object({ data: PreviewSchema }),
    404: problem('There is no such client'),
    409: problem('The client has been revoked'),
    422: validationProblem,
  },
}

const verifySchema = {
  operationId: 'adminVerifyClient',
  summary: 'Verify the name and the logo of an application',
  description:
    'Users see that the application is verified, with a copy of its logo (`logo_uri`, a PNG of at most 10 KiB). `print` and `logo_sha256` are those of the preview that somebody looked at. The verification ends when the application changes its name, its logo, its redirect URIs, its owner, its grant types or its authentication.',
  tags,
  params,
  body: VerifyClient,
  response: {
    200: Response,
    404: problem('There is no such client'),
    409: problem('The client has been revoked, or it or its logo has changed since it was looked at'),
    422: validationProblem,
  },
}

const withdrawSchema = {
  operationId: 'adminWithdrawClientVerification',
  summary: 'Withdraw the verification of an application',
  tags,
  params,
  response: { 204: noContent('Withdrawn'), 404: problem('There is no such client') },
}

export interface AdminVerificationsOptions {
  clients: Pick<Clients, 'find'>
  verifications: Verifications
}

/** Which apps an administrator verified. */
export function adminVerifications({ clients, verifications }: AdminVerificationsOptions): FastifyPluginAsyncTypebox {
  const path = '/clients/:id/verification'

  return async app => {
    app.get(
      path,
      {
        preValidation: checkScopes('admin:read'),
        schema: getSchema,
      },
      async ({ params }) => {
        const found = await verifications.find(await clients.find(params.id))
        if (!found) throw notFound('verification')
        return { data: toJson(found) }
      },
    )

    app.get(
      `${path}/preview`,
      {
        preValidation: checkScopes('admin:write'),
        schema: previewSchema,
      },
      async ({ params }) => ({ data: previewJson(await verifications.preview(params.id)) }),
    )

    app.put(
      path,
      {
        ...mayWrite,
        schema: verifySchema,
      },
      async ({ params, body: { print, logo_sha256: logoHash } }) => ({
        data: toJson(await verifications.verify(params.id, { print, logoHash })),
      }),
    )

    app.delete(
      path,
      {
        ...mayWrite,
        schema: withdrawSchema,
      },
      async ({ params }, reply) => {
        await verifications.withdraw(params.id)
        return reply.code(204).send(null)
      },
    )
  }
}

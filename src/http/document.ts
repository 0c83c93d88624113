import { STATUS_CODES } from 'node:http'
import { insufficientScope, invalidToken } from '../../packages/guard/src/errors.ts'
import { BEARER } from '../../packages/guard/src/openapi.ts'
import {
  conflict,
  forbidden,
  invalid,
  notFound,
  type PosternError,
  tooManyAttempts,
  toProblem,
  unavailable,
} from '../errors/errors.ts'
import { preconditionFailed } from './entity-tag.ts'
import { exampleOf, type Schema } from './examples.ts'
import { nameSchemas, typed } from './named-schemas.ts'
import { OAUTH } from './schemas.ts'

export interface Document {
  servers?: { url: string; description?: string }[]
  components?: Record<string, Record<string, unknown>>
  paths?: Record<string, Record<string, Operation>>
}

interface Operation {
  tags?: string[]
  parameters?: { name?: string; in?: string; required?: boolean; description?: string; schema: Schema }[]
  security?: Record<string, string[]>[]
  requestBody?: { required?: boolean; content: Content }
  responses: Record<string, Response>
}

interface Response {
  description: string
  headers?: Record<string, unknown>
  content?: Content
}

type Content = Record<string, Media>
interface Media {
  schema: Schema
  example?: unknown
  examples?: unknown
}

const PROBLEM = 'application/problem+json'
const TAG_EXAMPLE = '"bJ3Ki0D3gPkRtn3ZsTWZdQ"'
const reference = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` })

const headers = {
  'WWW-Authenticate': { description: 'The challenge (RFC 6750 §3)', schema: { type: 'string' } },
  'X-Request-Id': {
    description: 'The id of the request: the one that it was sent with, or a new one',
    schema: { type: 'string' },
  },
  'Retry-After': { description: 'Seconds until the next attempt', schema: { type: 'integer' } },
}

/**
 * Completes the document generated from the route schemas: adds problem details and an example of every body, names the schemas
 * that have a title, and says of public operations that they are public.
 */
export function complete(document: Document): Document {
  const schemas = { ...document.components?.schemas } as Record<string, Schema>
  for (const [path, method, operation] of operationsOf(document)) {
    if (method === 'patch') completeConditional(operation, document.paths?.[path]?.get)
    if (method === 'post' && /\/(api|admin)\//.test(path)) completeRetries(operation)
    if (operation.requestBody) completeBody(operation.requestBody)
    operation.security = withOAuth(operation)
    for (const parameter of operation.parameters ?? []) parameter.schema = typed(parameter.schema)
    for (const [status, response] of Object.entries(operation.responses)) {
      if (response.description === 'Default Response') response.description = STATUS_CODES[status] ?? 'Response'
      if (isProblem(response)) completeProblem(Number(status), response, operation, schemas)
      for (const media of Object.values(response.content ?? {})) completeMedia(media)
    }
    for (const { content } of [operation.requestBody, ...Object.values(operation.responses)].filter(
      part => part !== undefined,
    ))
      for (const media of Object.values(content ?? {})) media.schema = nameSchemas(media.schema, schemas)
  }
  return { ...document, components: { ...document.components, schemas, headers } }
}

const operationsOf = ({ paths = {} }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [path, method, operation] as const),
  )

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes the request safe to retry: within 24 hours the same key gets the same response again. A UUID, for example.',
  schema: { type: 'string', maxLength: 255, examples: ['8e03978e-40d5-43dd-bc93-6894a57f9324'] },
}

/** Every POST of the JSON API takes the header. */
function completeRetries(operation: Operation): void {
  operation.parameters = [...(operation.parameters ?? []), idempotencyKey]
  operation.responses[409] ??= {
    description: 'The `Idempotency-Key` was used with another body, or its first request is still being processed',
    content: {
      [PROBLEM]: {
        schema: reference('schemas', 'Problem'),
        example: toProblem(
          conflict('This Idempotency-Key was used with another body. Use a new key for a new request.'),
        ),
      },
    },
  }
}

const ifMatchHeader = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of the response that was read. If it has changed since, the response is 412',
  schema: { type: 'string', examples: [TAG_EXAMPLE] },
}
const etag = { description: 'For `If-Match` of a change', schema: { type: 'string' }, example: TAG_EXAMPLE }

/** What a PATCH changes is read with its entity tag. */
function completeConditional(change: Operation, read: Operation | undefined): void {
  change.parameters = [...(change.parameters ?? []), ifMatchHeader]
  change.responses[412] ??= {
    description: 'It has changed since it was read',
    content: { [PROBLEM]: { schema: reference('schemas', 'Problem'), example: toProblem(preconditionFailed()) } },
  }
  for (const operation of [change, read]) {
    const response = operation?.responses[200]
    if (response) response.headers = { ...response.headers, ETag: etag }
  }
}

/** Tags of routes that accept tokens of users, which the explorer can get by OAuth; other routes use other credentials. */
const USER_TAGS = new Set(['Tokens', 'User', 'Service accounts', 'Applications', 'Administration'])

function withOAuth({ tags = [], security = [] }: Operation): Record<string, string[]>[] {
  if (!tags.some(tag => USER_TAGS.has(tag))) return security
  return security.flatMap(choice => (choice[BEARER] ? [choice, { [OAUTH]: choice[BEARER] }] : [choice]))
}

/** The document without OAuth, for a host name that is not the issuer's: the sign-in would redirect to the issuer. */
export function withoutOAuth(document: Document): Document {
  const { [OAUTH]: _, ...securitySchemes } = document.components?.securitySchemes ?? {}
  const without = ({ security, ...operation }: Operation): Operation => ({
    ...operation,
    ...(security && { security: security.filter(choice => !(OAUTH in choice)) }),
  })
  const paths = mapped(document.paths ?? {}, path => mapped(path, without))
  return { ...document, components: { ...document.components, securitySchemes }, paths }
}

/** The document whose OAuth dialog does not offer these scopes. */
export function withoutScopes(document: Document, hidden: readonly string[]): Document {
  const oauth = document.components?.securitySchemes?.[OAUTH] as OAuthScheme | undefined
  if (hidden.length === 0 || !oauth) return document
  const { authorizationCode } = oauth.flows
  const scopes = Object.fromEntries(Object.entries(authorizationCode.scopes).filter(([id]) => !hidden.includes(id)))
  const scheme = { ...oauth, flows: { authorizationCode: { ...authorizationCode, scopes } } }
  const securitySchemes = { ...document.components?.securitySchemes, [OAUTH]: scheme }
  return { ...document, components: { ...document.components, securitySchemes } }
}

interface OAuthScheme {
  flows: { authorizationCode: { scopes: Record<string, string> } }
}

const mapped = <T>(record: Record<string, T>, change: (value: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

/** A body schema that allows null means that the body is optional. */
function completeBody(body: NonNullable<Operation['requestBody']>): void {
  for (const media of Object.values(body.content)) {
    const choices = media.schema.anyOf
    const bodies = choices?.filter(schema => schema.type !== 'null')
    if (choices && bodies?.length === 1 && choices.length === 2) {
      body.required = false
      media.schema = bodies[0] as Schema
    }
    completeMedia(media)
  }
}

function completeMedia(media: Media): void {
  if (media.example !== undefined || media.examples !== undefined) return
  const example = exampleOf(media.schema)
  if (example !== undefined) media.example = example
}

function isProblem({ content }: Response): boolean {
  const properties = Object.values(content ?? {})[0]?.schema.properties
  return ['type', 'title', 'status', 'detail'].every(name => properties && name in properties)
}

function completeProblem(status: number, response: Response, operation: Operation, schemas: Record<string, Schema>) {
  const { schema } = Object.values(response.content ?? {})[0] as Media
  const { description: _, examples: __, ...shape } = schema
  const name = shape.properties?.errors ? 'ValidationProblem' : 'Problem'
  schemas[name] ??= shape
  const example = problemExample(status, response, operation)
  response.content = {
    [PROBLEM]: { schema: reference('schemas', name), example: toProblem(example) },
  }
  const sent = Object.keys(headers).filter(
    header => header === 'X-Request-Id' || header.toLowerCase() in example.headers,
  )
  response.headers = Object.fromEntries(sent.map(h => [h, reference('headers', h)]))
}

function problemExample(status: number, { description }: Response, { security = [] }: Operation): PosternError {
  const scopes = [...new Set(security.flatMap(scheme => Object.values(scheme).flat()))]
  if (status === 401) return invalidToken('The access token has expired.')
  if (status === 403) return scopes.length > 0 ? insufficientScope('all', scopes, [], scopes) : forbidden(description)
  if (status === 404) return notFound()
  if (status === 422) return invalid({ path: 'name', message: 'is required' })
  if (status === 429) return tooManyAttempts(60)
  if (status === 503) return unavailable()
  return conflict(description)
}

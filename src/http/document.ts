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
import { exampleOf, type Schema } from './examples.ts'
import { OAUTH } from './schemas.ts'

export interface Document {
  servers?: { url: string; description?: string }[]
  components?: Record<string, Record<string, unknown>>
  paths?: Record<string, Record<string, Operation>>
}

interface Operation {
  tags?: string[]
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
const reference = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` })

const headers = {
  'WWW-Authenticate': { description: 'The challenge (RFC 6750 §3)', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds until the next attempt', schema: { type: 'integer' } },
}

/** Completes the document generated from the route schemas: adds problem details and an example of every body. */
export function complete(document: Document): Document {
  const schemas = { ...document.components?.schemas } as Record<string, Schema>
  for (const operation of Object.values(document.paths ?? {}).flatMap(path => Object.values(path))) {
    if (operation.requestBody) completeBody(operation.requestBody)
    if (operation.security) operation.security = withOAuth(operation)
    for (const [status, response] of Object.entries(operation.responses)) {
      if (response.description === 'Default Response') response.description = STATUS_CODES[status] ?? 'Response'
      if (isProblem(response)) completeProblem(Number(status), response, operation, schemas)
      for (const media of Object.values(response.content ?? {})) completeMedia(media)
    }
  }
  return { ...document, components: { ...document.components, schemas, headers } }
}

/** Tags of routes that accept tokens of users, which the explorer can get by OAuth; other routes use other credentials. */
const USER_TAGS = new Set(['Tokens', 'User', 'Applications', 'Administration'])

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
  response.content = { [PROBLEM]: { schema: reference('schemas', name), example: toProblem(example) } }
  const sent = Object.keys(headers).filter(header => header.toLowerCase() in example.headers)
  if (sent.length > 0) response.headers = Object.fromEntries(sent.map(h => [h, reference('headers', h)]))
}

function problemExample(status: number, { description }: Response, { security = [] }: Operation): PosternError {
  const scopes = security.flatMap(scheme => Object.values(scheme).flat())
  if (status === 401) return invalidToken('The access token has expired.')
  if (status === 403) return scopes.length > 0 ? insufficientScope('all', scopes, [], scopes) : forbidden(description)
  if (status === 404) return notFound()
  if (status === 422) return invalid({ path: 'name', message: 'is required' })
  if (status === 429) return tooManyAttempts(60)
  if (status === 503) return unavailable()
  return conflict(description)
}

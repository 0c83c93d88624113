import type { FastifyInstance, LightMyRequestResponse } from 'fastify'

const FORM = 'application/x-www-form-urlencoded'

interface Described {
  security?: Record<string, string[]>[]
  parameters?: { in: string; name: string }[]
  requestBody?: { content: Record<string, { schema?: Schema; example?: object }> }
}

interface Schema {
  $ref?: string
  properties?: object
  examples?: object[]
}

interface Document {
  paths: Record<string, Record<string, Described>>
  components: { schemas: Record<string, Schema> }
}

/** What the document says of a route, and a request that fits it. */
export interface Operation {
  name: string
  path: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With ids of nothing. */
  url: string
  security: Record<string, string[]>[]
  /** Names of the parameters of its query. */
  query: string[]
  /** Content type of its body; undefined: it has none. */
  type: string | undefined
  isForm: boolean
  /** Names that its body may have. */
  fields: string[]
  example: Record<string, unknown>
}

/** Every route of the document. */
export async function operationsOf(app: FastifyInstance): Promise<Operation[]> {
  const { paths, components } = (await app.inject('/docs/json')).json<Document>()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => operation(path, method, described, components.schemas)),
  )
}

function operation(
  path: string,
  method: string,
  described: Described,
  schemas: Document['components']['schemas'],
): Operation {
  const { security = [], parameters = [], requestBody } = described
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const named = media?.schema?.$ref?.split('/').at(-1)
  const schema = named === undefined ? media?.schema : schemas[named]
  return {
    name: `${method} ${path}`,
    path,
    method: method.toUpperCase() as Operation['method'],
    url: path.replaceAll(/\{\w+\}/g, '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'),
    security,
    query: parameters.filter(parameter => parameter.in === 'query').map(({ name }) => name),
    type,
    isForm: type === FORM,
    fields: Object.keys(schema?.properties ?? {}),
    example: (schema?.examples?.[0] ?? media?.example ?? {}) as Record<string, unknown>,
  }
}

/** Sends the example of an operation, or this body. */
export function send(
  app: FastifyInstance,
  { method, url, type, isForm, example }: Operation,
  headers: Record<string, string> = {},
  body: object = example,
): Promise<LightMyRequestResponse> {
  const payload = isForm ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body)
  return app.inject({
    method,
    url,
    headers: { ...headers, ...(type && { 'content-type': type }) },
    ...(type && { payload }),
  })
}

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify, { type RouteOptions } from 'fastify'
import t from 'tap'
import { serverPlugin } from '../../src/app.ts'
import { actingAs, ISSUER, testServices } from '../helpers/app.ts'

const FILE = resolve(import.meta.dirname, '../../openapi/openapi.json')
/** The document names the scopes, so it is that of the catalogue that comes with the server. */
const SCOPES = resolve(import.meta.dirname, '../../scopes.json')
const host = new URL(ISSUER).host

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  parameters?: { name: string; in: string }[]
  security?: Record<string, string[]>[]
  requestBody?: Described
  responses: Record<string, Described>
}
interface Described {
  description: string
  content?: Record<string, { schema: object; example?: unknown; examples?: unknown }>
}
interface Document {
  openapi: string
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  components: { securitySchemes: Record<string, object>; schemas: Record<string, object> }
  paths: Record<string, Record<string, Operation>>
}

const { app, services, routes } = await documented()
const document = (await app.inject({ url: '/docs/json', headers: { host } })).json<Document>()
const operations = operationsOf(document)

t.test('the committed document is what the routes say', async t => {
  t.strictSame(JSON.parse(readFileSync(FILE, 'utf8')), document, 'or else: npm run openapi')
})

t.test('it is valid OpenAPI 3.1', async t => {
  t.match(document.openapi, /^3\.1\./)
  t.strictSame(await new Validator().validate(document as never), { valid: true })
  const ids = operations.map(({ operation }) => operation.operationId)
  t.strictSame(ids, [...new Set(ids)], 'each operation has an id of its own')
})

t.test('every route is documented', async t => {
  const open = routes.filter(route => !(route.schema as { hide?: boolean } | undefined)?.hide)
  t.ok(open.length > 15)
  for (const { method, url } of open) {
    const operation = document.paths[templated(url)]?.[String(method).toLowerCase()]
    t.ok(operation, `${method} ${url} is in the document`)
  }
})

/** What people see; nothing calls it. */
const PAGE =
  /^\/(login(\/application|\/passkey|\/second-step)?|confirm(\/resume)?|logout|language|new-password|reset-password|confirm-email|device|dev\/components|assets\/.*|logos\/:id|oauth\/consent|(tokens|service-accounts|account|apps|manage|operations)(\/.*)?)$/

t.test('a route is left out only where it is the explorer itself, a page, or refuses a method', async t => {
  for (const { method, url, schema } of routes) {
    const hidden = (schema as { hide?: boolean } | undefined)?.hide
    if (!hidden) continue
    t.ok(
      ['/', '/*'].includes(url) || url.startsWith('/docs') || PAGE.test(url) || document.paths[templated(url)],
      `${method} ${url}`,
    )
  }
})

t.test('every operation says what it is for, what it takes and what it answers, with examples', async t => {
  const tags = new Set(document.tags.map(tag => tag.name))
  for (const { name, operation } of operations) {
    const { operationId, summary, responses, requestBody } = operation
    t.ok(operationId && summary, `${name} has an id and a summary`)
    t.ok(
      operation.tags?.length > 0 && operation.tags.every(tag => tags.has(tag)),
      `${name} has a tag that is explained`,
    )
    t.ok(
      Object.keys(responses).some(status => /^[23]/.test(status)),
      `${name} says what success looks like`,
    )
    t.strictSame(withoutExample({ body: requestBody, ...responses }), [], `${name} has an example of every body`)
  }
  t.strictSame(
    [...tags].filter(tag => !operations.some(o => o.operation.tags.includes(tag))),
    [],
  )
})

t.test('security is named where a token is needed, and only with schemes that are explained', async t => {
  const schemes = Object.keys(document.components.securitySchemes)
  for (const { name, operation } of operations) {
    const named = (operation.security ?? []).flatMap(Object.keys)
    t.ok(
      named.every(scheme => schemes.includes(scheme)),
      `${name} names a scheme that is there`,
    )
    if (/ \/(api|admin)\/(?!session$)/.test(name)) t.ok(named.includes('bearer'), `${name} takes a bearer token`)
    if (named.includes('bearer')) t.ok(operation.responses[401], `${name} says what happens without a token`)
  }
  t.strictSame(document.paths['/api/tokens']?.get?.security, [{ bearer: ['tokens:read'] }, { oauth2: ['tokens:read'] }])
})

t.test('schemas have names, enumerations a type, and public operations say so', async t => {
  const names = Object.keys(document.components.schemas)
  for (const name of ['Token', 'TokenPage', 'User', 'Client', 'AuditEvent', 'Problem']) t.ok(names.includes(name), name)
  t.strictSame(document.paths['/api/tokens']?.get?.responses[200]?.content?.['application/json']?.schema, {
    $ref: '#/components/schemas/TokenPage',
  })
  for (const path of ['/scopes', '/.well-known/jwks.json', '/health/live'])
    t.strictSame(document.paths[path]?.get?.security, [], path)
  JSON.stringify(document, (_, value) => {
    if (typeof value?.enum?.[0] === 'string') t.equal(value.type, 'string', value.enum.join())
    return value
  })
})

t.test('the example of a 403 names each missing scope once', async t => {
  for (const { name, operation } of operations) {
    const example = operation.responses[403]?.content?.['application/problem+json']?.example as
      | { missing?: string[]; detail: string }
      | undefined
    if (!example?.missing) continue
    t.strictSame(example.missing, [...new Set(example.missing)], name)
    for (const scope of example.missing) t.equal(example.detail.split(scope).length, 2, `${name}: ${example.detail}`)
  }
})

t.test('what the document says of an answer is what is sent', async t => {
  const { headers } = await actingAs(services, ['tokens:read'])
  const list = document.paths['/api/tokens']!.get!
  const sent = await app.inject({ url: '/api/tokens', headers })
  t.match(sent.headers['content-type'], Object.keys(list.responses[200]!.content!)[0] as string)
  const refused = await app.inject({ url: '/api/tokens?limit=0', headers })
  t.match(refused.headers['content-type'], Object.keys(list.responses[422]!.content!)[0] as string)
  const example = Object.values(list.responses[422]!.content!)[0]!.example as object
  t.strictSame(Object.keys(refused.json()), Object.keys(example))
})

t.test('a body that may be left out is not required', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  t.match(document.paths['/api/tokens/current/rotate']!.post, { requestBody: { required: false } })
  t.equal((await app.inject({ method: 'POST', url: '/api/tokens/current/rotate', headers })).statusCode, 201)
})

t.test('the explorer', async t => {
  t.test('tries the routes out where it was loaded from', async t => {
    const servers = async (name: string) =>
      (await app.inject({ url: '/docs/json', headers: { host: name } })).json<Document>().servers
    t.strictSame(await servers(host), [{ url: ISSUER }])
    const [server] = await servers('127.0.0.1:4000')
    t.equal(new URL(server!.url, 'http://127.0.0.1:4000/docs/json').href, 'http://127.0.0.1:4000/')
  })

  t.test('loads nothing from anywhere else', async t => {
    const page = await app.inject('/docs')
    t.equal(page.statusCode, 200)
    t.match(page.headers['content-type'], 'text/html')
    const assets = [...page.body.matchAll(/(?:href|src)="([^"]+)"/g)].map(match => match[1]!)
    t.ok(assets.length >= 5)
    for (const asset of assets) {
      t.match(asset, /^\/docs\//)
      t.equal((await app.inject(asset)).statusCode, 200, asset)
    }
    const policy = String(page.headers['content-security-policy'])
    t.match(policy, "default-src 'none'")
    t.match(policy, "script-src 'self';")
    t.notMatch(policy, /https?:|upgrade-insecure-requests/)
  })

  t.test('gives the document as YAML too', async t => {
    const { statusCode, body } = await app.inject('/docs/yaml')
    t.equal(statusCode, 200)
    t.match(body, /^openapi: 3\.1\./)
  })
})

/** The server, and its routes as Fastify has them, without the HEAD that it adds to each GET. */
async function documented() {
  const services = await testServices(t, { catalogue: JSON.parse(readFileSync(SCOPES, 'utf8')) })
  const seen: RouteOptions[] = []
  const app = Fastify()
  app.addHook('onRoute', route => void seen.push(route))
  await app.register(serverPlugin(services))
  // Only now, since a context inside may still have hidden its routes.
  const routes = seen.flatMap(route => [route.method].flat().map(method => ({ ...route, method })))
  return { app, services, routes: routes.filter(({ method }) => method !== 'HEAD') }
}

function operationsOf({ paths }: Document): { name: string; operation: Operation }[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  )
}

function withoutExample(parts: Record<string, Described | undefined>): string[] {
  return Object.entries(parts).flatMap(([name, part]) =>
    Object.values(part?.content ?? {}).some(media => media.example === undefined && !media.examples) ? [name] : [],
  )
}

const templated = (url: string) => url.replaceAll(/:(\w+)/g, '{$1}')

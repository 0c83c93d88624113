import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { type Actor, actingAs, testApp } from '../helpers/app.ts'
import { lateAfter } from '../helpers/late.ts'
import { form } from '../helpers/oauth.ts'

/** Whatever is sent to whatever route: never a failure of ours, and every refusal in the words of its context. */

interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  fields: string[]
  examples: Record<string, unknown>
  query: string[]
}
interface Media {
  schema?: { properties?: object; examples?: object[] }
  example?: object
}
interface Described {
  parameters?: { in: string; name: string }[]
  requestBody?: { content: Record<string, Media> }
}

const { app, services } = await testApp(t)
const SCOPES = ['*', 'admin:read', 'admin:write']
let actor: Actor = await actingAs(services, SCOPES, { role: 'admin' })
const { client } = await services.clients.create({ name: 'App', redirectUris: ['https://app.example/cb'] })
const { paths } = (await app.inject('/docs/json')).json() as { paths: Record<string, Record<string, Described>> }

const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { parameters = [], requestBody }]): Operation => {
    const media = Object.values(requestBody?.content ?? {})[0]
    return {
      method: method.toUpperCase() as Operation['method'],
      path,
      fields: Object.keys(media?.schema?.properties ?? {}),
      examples: { ...(media?.schema?.examples?.[0] ?? media?.example) } as Record<string, unknown>,
      query: parameters.filter(p => p.in === 'query').map(p => p.name),
    }
  }),
)

const nasty = fc.constantFrom(
  '\0',
  '\ud800',
  '\udfff',
  '\uffff',
  '\u202e',
  '\r',
  '\n',
  '%',
  '"',
  "'",
  '\\',
  '<',
  'a',
  '0',
  '🗝',
  'é',
)
const text = fc.oneof(
  fc.string({ unit: nasty, maxLength: 10 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
)
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  text,
  fc.double(),
  fc.constantFrom(null, true, '', 0, -1, 1e308, []),
)
const named = (names: string[], values: fc.Arbitrary<unknown>) =>
  fc.dictionary(names.length > 0 ? fc.oneof(fc.constantFrom(...names), text) : text, values, { maxKeys: 5 })

const bodies = ({ fields, examples }: Operation) =>
  fc.oneof(
    // Right but for one field, so that it gets far.
    {
      weight: fields.length > 0 ? 4 : 0,
      arbitrary: fc
        .tuple(fc.constantFrom(...fields, ''), fc.oneof({ weight: 3, arbitrary: text }, value))
        .map(([field, any]) => JSON.stringify({ ...examples, ...(field && { [field]: any }) })),
    },
    { weight: 1, arbitrary: named(fields, value).map(some => JSON.stringify({ ...examples, ...some })) },
    { weight: 1, arbitrary: value.map(any => JSON.stringify(any)) },
    { weight: 1, arbitrary: text },
  )
const queries = ({ query }: Operation) =>
  fc.oneof(
    named(query, text).map(pairs => new URLSearchParams(pairs as Record<string, string>).toString()),
    fc.string({ unit: fc.constantFrom(...'%&=[]?+;:@.,/\\"\'<>{}|^`~!$*()_-aZ09 limtcursoe'), maxLength: 60 }),
  )
const ids = fc.oneof(
  fc.constantFrom('mine', 'token', 'client', 'current', '0', '-1', 'null', '%00', '%ff', '%2e%2e%2f', ''),
  fc.uuid(),
  text.map(encodedOrNot),
)

function encodedOrNot(any: string): string {
  return any.isWellFormed() ? encodeURIComponent(any) : 'x'
}

const quiet = operations.filter(({ path }) => !path.endsWith('/events'))
const writing = quiet.filter(({ fields }) => fields.length > 0)
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) })

const asked = fc.constantFrom(...quiet, ...writing, ...writing).chain(operation =>
  fc.record({
    operation: fc.constant(operation),
    id: ids,
    query: queries(operation),
    body: bodies(operation),
    type: mostly('application/json', 'application/x-www-form-urlencoded', 'text/plain'),
    token: mostly<'good' | 'none' | 'bad'>('good', 'none', 'bad'),
  }),
)
type Asked = typeof asked extends fc.Arbitrary<infer A> ? A : never

function request({ operation, id, query, body, type, token }: Asked): InjectOptions {
  const known =
    new Map([
      ['mine', actor.user.id],
      ['token', actor.id],
      ['client', client.id],
    ]).get(id) ?? id
  const authorization = { good: actor.headers.authorization, none: undefined, bad: 'Bearer bad' }[token]
  const protocol = operation.path.startsWith('/oauth') ? 'application/x-www-form-urlencoded' : type
  return {
    method: operation.method,
    url: `${operation.path.replaceAll(/\{\w+\}/g, () => known)}${query && `?${query}`}`,
    headers: {
      ...(authorization && { authorization }),
      ...(operation.method !== 'GET' && { 'content-type': protocol }),
    },
    ...(operation.method !== 'GET' && { payload: body }),
  }
}

t.test('every request gets a JSON response below 500', async t => {
  const statuses = new Set<number>()
  const late = lateAfter(60_000)
  await fc.assert(
    fc.asyncProperty(asked, async one => {
      if (late()) return
      const answer = await app.inject(request(one))
      const { statusCode } = answer
      statuses.add(statusCode)
      if (statusCode === 401 && one.token === 'good') actor = await actingAs(services, SCOPES, { role: 'admin' })
      if (statusCode >= 500) throw new Error(`${statusCode} ${answer.body}`)
      const type = String(answer.headers['content-type'])
      if (statusCode === 204 || one.operation.path === '/oauth/authorize') return
      if (!/^application\/([\w-]+\+)?(json|jwt)/.test(type)) throw new Error(`${statusCode} ${type} ${answer.body}`)
      if (statusCode < 400) return
      const said = answer.json()
      const problem = type === 'application/problem+json' && said.status === statusCode && said.detail && said.title
      const protocol = one.operation.path.startsWith('/oauth') && typeof said.error === 'string'
      if (!problem && !protocol) throw new Error(`not a problem: ${answer.body}`)
    }),
    { numRuns: 600 },
  )
  t.ok(operations.length > 20)
  for (const status of [200, 401, 422]) t.ok(statuses.has(status), `some were answered ${status}`)
})

t.test('the token endpoint, with any form', async t => {
  const names = [
    'grant_type',
    'scope',
    'client_id',
    'client_secret',
    'code',
    'refresh_token',
    'resource',
    'device_code',
  ]
  const grants = fc.constantFrom('client_credentials', 'authorization_code', 'refresh_token', 'password', '')
  const late = lateAfter(20_000)
  const fields = fc.record({ grant_type: fc.oneof(grants, text), some: named(names, text) })
  await fc.assert(
    fc.asyncProperty(fields, async ({ grant_type, some }) => {
      if (late()) return
      const answer = await form(app, '/oauth/token', { grant_type, ...(some as Record<string, string>) })
      if (![400, 401].includes(answer.statusCode) || typeof answer.json().error !== 'string') {
        throw new Error(`${answer.statusCode} ${answer.body}`)
      }
    }),
    { numRuns: 100 },
  )
  t.pass('every answer is an error of RFC 6749')
})

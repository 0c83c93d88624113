import createClient from 'openapi-fetch'
import type { components, operations, paths } from './dist/api.d.ts'

// Compiled against the generated types, then run: node program.ts ORIGIN TOKEN
const [origin = '', token = ''] = process.argv.slice(2)
const client = createClient<paths>({ baseUrl: origin, headers: { authorization: `Bearer ${token}` } })

type Token = components['schemas']['Token']
type Problem = components['schemas']['Problem']
type ListQuery = NonNullable<operations['listTokens']['parameters']['query']>

const stateOf = ({ state }: Token): 'active' | 'suspended' | 'revoked' | 'expired' => state
const query: ListQuery = { state: 'live', sort: '-last_used_at', limit: 10 }

const created = await client.POST('/api/tokens', {
  params: { header: { 'Idempotency-Key': crypto.randomUUID() } },
  body: { name: 'deploy', scopes: ['orders:read'], format: 'opaque' },
})
if (!created.data) throw new Error(JSON.stringify(created.error satisfies Problem))
const { token: text, data } = created.data

const list = await client.GET('/api/tokens', { params: { query } })
const states = list.data?.data.map(stateOf)

const changed = await client.PATCH('/api/tokens/{id}', {
  params: { path: { id: data.id } },
  body: { name: 'deploy again' },
})
const refused = await client.GET('/admin/users')
const scopes: components['schemas']['Scope'][] | undefined = (await client.GET('/scopes')).data

console.log(
  JSON.stringify({
    text: text.length > 20,
    states,
    name: changed.data?.data.name,
    refused: refused.error?.type,
    scopes: scopes?.map(({ id }) => id),
  }),
)

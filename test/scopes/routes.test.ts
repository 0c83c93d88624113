import t from 'tap'
import { actingAs, CATALOGUE, testApp } from '../helpers/app.ts'
import { requester } from '../helpers/requester.ts'

const RESERVED = [
  'user:read',
  'tokens:read',
  'tokens:write',
  'tokens:rotate',
  'clients:read',
  'clients:write',
  'admin:read',
  'admin:write',
]

t.test('the scopes are public, in the order of the catalogue, the reserved ones behind', async t => {
  const { app } = await testApp(t)
  const answer = await requester(app).get('/scopes')
  t.equal(answer.statusCode, 200)
  const own = CATALOGUE.scopes.map(scope => ({ default: false, ...scope }))
  t.strictSame(answer.json().slice(0, own.length), own)
  t.strictSame(
    answer.json().slice(own.length),
    answer.json().filter(({ id }: { id: string }) => RESERVED.includes(id)),
  )
  t.strictSame(
    answer.json().map(({ id }: { id: string }) => id),
    [...own.map(({ id }) => id), ...RESERVED],
  )
  for (const scope of answer.json()) t.match(scope, { id: /./, description: /./, default: Boolean })
})

const SCOPES = [
  { id: 'reports', description: 'See reports' },
  { id: 'reports:export', description: 'Export reports' },
  { id: 'reports:export:all', description: 'Export all reports' },
  { id: 'report', description: 'Another thing' },
]

for (const inherit of [true, false]) {
  t.test(`inheritance ${inherit ? 'on' : 'off'}`, async t => {
    const { app, services } = await testApp(t, { catalogue: { inherit, scopes: SCOPES } })
    /** Whether a token with one scope may pass on the other. */
    const covers = async (granted: string, wanted: string) => {
      const { headers } = await actingAs(services, ['tokens:write', granted])
      const answer = await requester(app, headers).post('/api/tokens', { name: 'x', scopes: [wanted] })
      t.ok([201, 403].includes(answer.statusCode), answer.body)
      return answer.statusCode === 201
    }
    t.equal(await covers('reports', 'reports:export'), inherit)
    t.equal(await covers('reports', 'reports:export:all'), inherit)
    t.equal(await covers('reports:export', 'reports:export:all'), inherit)
    t.equal(await covers('reports:export', 'reports:export'), true)
    t.equal(await covers('reports:export', 'reports'), false, 'never the reverse')
    t.equal(await covers('report', 'reports:export'), false, 'words are whole')
    t.equal(await covers('*', 'reports:export:all'), true)
    const answer = await requester(app, (await actingAs(services, ['reports'])).headers).get('/api/tokens/current')
    t.strictSame(answer.json().data.scopes, ['reports'], 'a token says what it was given')
  })
}

t.test('without default scopes a token that asks for none has none', async t => {
  const { app, services } = await testApp(t, { catalogue: SCOPES })
  const { headers } = await actingAs(services, ['tokens:write'])
  t.strictSame((await requester(app, headers).post('/api/tokens', { name: 'x' })).json().data.scopes, [])
})

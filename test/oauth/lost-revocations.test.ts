import t from 'tap'
import { closeCollection, openCollection } from '../../src/deployment/restoration.ts'
import { collectionState } from '../../src/dump/collect.ts'
import { declareRestored } from '../../src/dump/declare-restored.ts'
import type { AccessToken } from '../../src/tokens/token.entity.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { basic } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'

const API = 'https://orders.example.com'
const PATH = '/oauth/lost-revocations'
const { app, services } = await testApp(t, { audience: API })
const { db } = services
const orders = await services.clients.create({ name: 'Orders API', audience: API })
const reports = await services.clients.create({ name: 'Reports API', audience: 'https://reports.example.com' })
const asOrders = requester(app, basic(orders.client.id, orders.secret))
const asReports = requester(app, basic(reports.client.id, reports.secret))
const user = await newUser(services)

const issue = async () => (await services.tokens.issuePersonal({ user, name: 'test', scopes: ['orders:read'] })).token
const reference = ({ statusList: list, statusIndex: index }: AccessToken) => ({ list, revoked: [index] })
const isRevoked = async (id: string) => (await services.tokenAdmin.find(id))?.revoked
const events = (kind: string) =>
  db.query<{ actor_client_id: string; details: object }>(
    'select actor_client_id, details from audit_events where kind = ? order by id',
    [kind],
  )

const before = [await issue(), await issue(), await issue(), await issue(), await issue()] as [
  AccessToken,
  AccessToken,
  AccessToken,
  AccessToken,
  AccessToken,
]

t.test('nothing is accepted of a database that nobody declared as restored', async t => {
  const refused = await asOrders.post(PATH, { lists: [reference(before[0])] })
  t.match(refused.json(), {
    status: 403,
    type: 'urn:postern:error:collection_closed',
    detail: /postern restored --coll/,
  })
  t.equal(await isRevoked(before[0].id), false)
  t.equal(await collectionState(db), undefined)
  await t.rejects(openCollection(db, { seconds: 60, clients: null }), { message: /Nobody has declared/ })
  await t.rejects(closeCollection(db), { message: /Nobody has declared/ })
})

t.test('nothing is accepted after a declaration without a window', async t => {
  await declareRestored(db)
  // A node has reserved places of the lists before; a real one has stopped by now.
  const refused = await asOrders.post(PATH, { lists: [reference(before[0])] })
  t.match(refused.json(), { status: 403, type: 'urn:postern:error:collection_closed', detail: /--reopen --collect/ })
  t.equal(await isRevoked(before[0].id), false)
})

t.test('within the window a named resource server gives back what was lost, once', async t => {
  await openCollection(db, { seconds: 3_600, clients: [orders.client.id] })
  const refused = await asReports.post(PATH, { lists: [reference(before[0])] })
  t.match(refused.json(), { status: 403, type: 'urn:postern:error:not_collected_from', detail: /--collect-from/ })
  t.equal(await isRevoked(before[0].id), false)

  const lists = [reference(before[0]), reference(before[1]), { list: 999_999, revoked: [0, 5] }]
  const answer = await asOrders.post(PATH, { lists })
  t.match([answer.statusCode, answer.json()], [200, { recovered: 2 }])
  t.same(await Promise.all(before.map(({ id }) => isRevoked(id))), [true, true, false, false, false])
  const again = await asOrders.post(PATH, { lists })
  t.match([again.statusCode, again.json()], [200, { recovered: 0 }])
  t.match(await events('revocations.recovered'), [
    { actor_client_id: orders.client.id, details: { reported: 4, recovered: 2, along: 0 } },
  ])
  t.equal((await events('revocations.recovered')).length, 1, 'a report that changes nothing is no event')
  const revoked = await events('token.revoked')
  t.match(revoked, [{ actor_client_id: orders.client.id }, { actor_client_id: orders.client.id }])
  t.match(await collectionState(db), {
    isOpen: true,
    clients: [orders.client.id],
    recovered: [{ clientId: orders.client.id, name: 'Orders API', count: 2 }],
  })
})

t.test('all confidential resource servers are accepted if none is named', async t => {
  await openCollection(db, { seconds: 3_600, clients: null })
  const answers = await Promise.all(
    [asReports, asOrders].map(client => client.post(PATH, { lists: [reference(before[2])] })),
  )
  t.same(answers.map(answer => answer.json().recovered).toSorted(), [0, 1], 'at the same time: one of them counts')
  t.equal(await isRevoked(before[2].id), true)
})

t.test('a token that was issued after the declaration is not revoked, what a lost one issued is', async t => {
  const declared = await collectionState(db)
  // A list that a node creates after the declaration has a higher number.
  await db.query('update oauth_access_tokens set status_list = status_list + 1000 where id = ?', [before[3].id])
  const later = { ...before[3], statusList: before[3].statusList + 1_000 } as AccessToken
  const answer = await asOrders.post(PATH, { lists: [reference(later)] })
  t.match([answer.statusCode, answer.json()], [200, { recovered: 0 }])
  t.equal(await isRevoked(before[3].id), false)
  const child = await issue()
  await db.query('update oauth_access_tokens set issued_by_id = ?, status_list = ? where id = ?', [
    before[4].id,
    later.statusList,
    child.id,
  ])
  t.match((await asOrders.post(PATH, { lists: [reference(before[4])] })).json(), { recovered: 1 })
  t.same([await isRevoked(before[4].id), await isRevoked(child.id)], [true, true])
  t.match((await events('revocations.recovered')).at(-1), { details: { recovered: 1, along: 1 } })
  await openCollection(db, { seconds: 60, clients: null })
  t.equal((await collectionState(db))?.declaredAt, declared?.declaredAt, 'opening it again does not move the bound')
  t.match((await asOrders.post(PATH, { lists: [reference(later)] })).json(), { recovered: 0 })
})

t.test('an expired token is none', async t => {
  const expired = await issue()
  await db.query("update oauth_access_tokens set status_list = 1, expires_at = now() - interval '1 s' where id = ?", [
    expired.id,
  ])
  const answer = await asOrders.post(PATH, { lists: [{ list: 1, revoked: [expired.statusIndex] }] })
  t.match(answer.json(), { recovered: 0 })
  t.equal(await isRevoked(expired.id), false)
})

t.test('only an authenticated, confidential resource server can report', async t => {
  const plain = await services.clients.create({ name: 'An app' })
  const page = await services.clients.create({ name: 'A page', public: true })
  const body = { lists: [] }
  t.equal((await requester(app).post(PATH, body)).statusCode, 401)
  t.equal((await requester(app, basic(orders.client.id, 'wrong')).post(PATH, body)).statusCode, 401)
  t.equal((await requester(app, basic(page.client.id, '')).post(PATH, body)).statusCode, 401)
  const refused = await requester(app, basic(plain.client.id, plain.secret)).post(PATH, body)
  t.match(refused.json(), { status: 403, type: 'urn:postern:error:forbidden' })
  const { headers } = await actingAs(services, ['*'])
  t.equal((await requester(app, headers).post(PATH, body)).statusCode, 401, 'a token is no client')
})

t.test('a report is limited and validated strictly', async t => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => i)
  for (const body of [
    {},
    { lists: {} },
    { lists: [{ list: 1 }] },
    { lists: [{ list: 0, revoked: [] }] },
    { lists: [{ list: '1', revoked: [1] }] },
    { lists: [{ list: 1, revoked: [-1] }] },
    { lists: [{ list: 1, revoked: [1.5] }] },
    { lists: [{ list: 1, revoked: ['1'] }] },
    { lists: [{ list: 2 ** 31, revoked: [1] }] },
    { lists: [{ list: 1, revoked: [2 ** 31] }] },
    { lists: [{ list: 1, revoked: [1], status: 1 }] },
    { lists: [{ list: 1, revoked: many(1_001) }] },
    {
      lists: [
        { list: 1, revoked: many(600) },
        { list: 2, revoked: many(600) },
      ],
    },
  ]) {
    t.equal((await asOrders.post(PATH, body)).statusCode, 422, JSON.stringify(body).slice(0, 80))
  }
  t.equal(
    (await asOrders.post(PATH, { lists: many(1_001).map(list => ({ list: list + 1, revoked: [] })) })).statusCode,
    422,
  )
  const large = { lists: [{ list: 1, revoked: many(20_000) }] }
  t.equal((await asOrders.post(PATH, large)).statusCode, 413)
  t.match((await asOrders.post(PATH, { lists: [] })).json(), { recovered: 0 })
  t.match((await asOrders.post(PATH, { lists: [{ list: 1, revoked: many(1_000) }] })).statusCode, 200)
})

t.test('after the window nothing is accepted', async t => {
  await closeCollection(db)
  const refused = await asOrders.post(PATH, { lists: [reference(before[3])] })
  t.match(refused.json(), { status: 403, type: 'urn:postern:error:collection_closed' })
  t.match(await collectionState(db), { isOpen: false })
  t.equal((await events('collection.opened')).length, 3)
  t.equal((await events('collection.closed')).length, 1)
})

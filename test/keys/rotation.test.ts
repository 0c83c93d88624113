import { decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices, type Services } from '../../src/services.ts'
import { APP_KEY, CATALOGUE, ISSUER, newUser } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** Nodes on one PostgreSQL; the embedded database belongs to one process. */
const onServer = { skip: SERVER ? false : 'needs a PostgreSQL server' }

async function nodes(t: { teardown(work: () => unknown): void }, listening: boolean) {
  const { databaseUrl, ...where } = await testDatabase(t)
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), listenUrl: databaseUrl }
  const node = async () => {
    const db = await openDatabase({ ...where, databaseUrl })
    const services = await createServices({ config, catalogue: CATALOGUE, db })
    t.teardown(() => services.close())
    await services.ensure()
    if (listening) services.listen()
    const app = await createApp(services)
    return {
      services,
      opens: async (token: string) => (await requester(app, bearer(token)).get('/api/user')).statusCode === 200,
      jwks: async (): Promise<JSONWebKeySet> => (await requester(app).get('/.well-known/jwks.json')).json(),
    }
  }
  return [await node(), await node()] as const
}

const issue = async (services: Services, user: Awaited<ReturnType<typeof newUser>>) =>
  (await services.tokens.issuePersonal({ user, name: 'x' })).plainText
const kidOf = (token: string) => decodeProtectedHeader(token).kid
const currentOf = async (services: Services) => (await services.keys.list()).find(key => key.state === 'current')?.id

for (const listening of [true, false]) {
  const how = listening ? 'that hear each other' : 'of which neither hears the other'
  t.test(`no check fails on two nodes ${how}, while one rotates`, onServer, async t => {
    const [a, b] = await nodes(t, listening)
    const user = await newUser(a.services)
    const tokens: string[] = []
    for (const algorithm of ['ES256', 'EdDSA', undefined, 'ES256'] as const) {
      tokens.push(await issue(b.services, user))
      await a.services.keys.rotate(algorithm, { now: true })
      const fresh = await Promise.all([issue(a.services, user), issue(b.services, user)])
      const opened = await Promise.all(fresh.flatMap(token => [a.opens(token), b.opens(token)]))
      t.strictSame(new Set(opened), new Set([true]), `${algorithm}: at once, on both`)
      tokens.push(...fresh)
    }
    const opened = await Promise.all(tokens.flatMap(token => [a.opens(token), b.opens(token)]))
    t.strictSame(new Set(opened), new Set([true]), 'and all of them afterwards')
  })
}

t.test('a node that missed a rotation uses the new key once it is connected again', onServer, async t => {
  const [a, b] = await nodes(t, false)
  const user = await newUser(a.services)
  await a.services.keys.rotate(undefined, { now: true })
  b.services.bus.setConnected(true)
  t.strictSame(await b.jwks(), await a.jwks(), 'whoever asks for the keys waits for the look that hearing began')
  t.equal(kidOf(await issue(b.services, user)), await currentOf(a.services))
})

t.test('concurrent rotations on two nodes leave one current and one next key', onServer, async t => {
  const [a, b] = await nodes(t, true)
  await Promise.all([a, b, a].map(({ services }) => services.keys.rotate(undefined, { now: true })))
  const states = (await a.services.keys.list()).map(key => key.state).sort()
  t.strictSame(states, ['current', 'next', 'past', 'past', 'past'])
  const user = await newUser(a.services)
  const token = await issue(a.services, user)
  t.ok((await a.opens(token)) && (await b.opens(token)))
})

t.test('concurrent scheduled rotations on two nodes agree on the next key', onServer, async t => {
  const [a, b] = await nodes(t, true)
  const rotated = await Promise.all([a, b, a].map(({ services }) => services.keys.rotate('EdDSA')))
  t.equal(new Set(rotated.map(key => key.id)).size, 1)
  t.strictSame(rotated.map(key => key.outcome).sort(), ['scheduled', 'waiting', 'waiting'])
})

t.test('two nodes that receive no changes sign with a scheduled key once it is due', onServer, async t => {
  const [a, b] = await nodes(t, false)
  const user = await newUser(a.services)
  const { id } = await a.services.keys.rotate('EdDSA')
  await a.services.db.query(
    `update oauth_signing_keys set created_at = created_at - interval '11 minutes',
     activated_at = activated_at - interval '11 minutes'`,
  )
  await Promise.all([a.services.keys.load(), b.services.keys.load()])
  const tokens = await Promise.all([a, b, a, b].map(({ services }) => issue(services, user)))
  t.strictSame(new Set(tokens.map(kidOf)), new Set([id]))
  const opened = await Promise.all(tokens.flatMap(token => [a.opens(token), b.opens(token)]))
  t.strictSame(new Set(opened), new Set([true]))
  t.strictSame((await b.services.keys.list()).map(key => key.state).sort(), ['current', 'next', 'past'])
})

t.test('a forged kid causes one look-up', onServer, async t => {
  const [a, b] = await nodes(t, true)
  const token = await issue(a.services, await newUser(a.services))
  const header = { alg: 'ES256', typ: 'at+jwt', kid: '00000000-0000-7000-8000-000000000000' }
  const [, payload, signature] = token.split('.')
  const forged = [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.')
  const forgedText = [
    Buffer.from(JSON.stringify({ ...header, kid: "' or 1=1" })).toString('base64url'),
    payload,
    signature,
  ]
  for (let i = 0; i < 3; i++) t.notOk((await b.opens(forged)) || (await b.opens(forgedText.join('.'))))
  t.ok(await b.opens(token), 'forgeries keep nobody out')
})

import { decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { type House, openHouse } from '../../src/house.ts'
import { openDatabase } from '../../src/open-database.ts'
import { APP_KEY, CATALOGUE, ISSUER, newUser } from '../helpers/app.ts'
import { asking, bearer } from '../helpers/asking.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'

/** Nodes on one PostgreSQL; the embedded database belongs to one process. */
const onServer = { skip: SERVER ? false : 'needs a PostgreSQL server' }

async function nodes(t: { teardown(work: () => unknown): void }, listening: boolean) {
  const { databaseUrl, ...where } = await testDatabase(t)
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), listenUrl: databaseUrl }
  const node = async () => {
    const db = await openDatabase({ ...where, databaseUrl })
    const house = await openHouse({ config, catalogue: CATALOGUE, db })
    t.teardown(() => house.close())
    await house.ensure()
    if (listening) house.listen()
    const app = await createApp(house)
    return {
      house,
      opens: async (token: string) => (await asking(app, bearer(token)).get('/api/user')).statusCode === 200,
      jwks: async (): Promise<JSONWebKeySet> => (await asking(app).get('/.well-known/jwks.json')).json(),
    }
  }
  return [await node(), await node()] as const
}

const issue = async (house: House, user: Awaited<ReturnType<typeof newUser>>) =>
  (await house.tokens.issuePersonal({ user, name: 'x' })).plainText
const kidOf = (token: string) => decodeProtectedHeader(token).kid
const currentOf = async (house: House) => (await house.keys.list()).find(key => key.state === 'current')?.id

for (const listening of [true, false]) {
  const how = listening ? 'that hear each other' : 'of which neither hears the other'
  t.test(`no check fails on two nodes ${how}, while one rotates`, onServer, async t => {
    const [a, b] = await nodes(t, listening)
    const user = await newUser(a.house)
    const tokens: string[] = []
    for (const algorithm of ['ES256', 'EdDSA', undefined, 'ES256'] as const) {
      tokens.push(await issue(b.house, user))
      await a.house.keys.rotate(algorithm, { now: true })
      const fresh = await Promise.all([issue(a.house, user), issue(b.house, user)])
      const opened = await Promise.all(fresh.flatMap(token => [a.opens(token), b.opens(token)]))
      t.strictSame(new Set(opened), new Set([true]), `${algorithm}: at once, on both`)
      tokens.push(...fresh)
    }
    const opened = await Promise.all(tokens.flatMap(token => [a.opens(token), b.opens(token)]))
    t.strictSame(new Set(opened), new Set([true]), 'and all of them afterwards')
  })
}

t.test('a node that missed a rotation signs with the new key once it has heard again', onServer, async t => {
  const [a, b] = await nodes(t, false)
  const user = await newUser(a.house)
  await a.house.keys.rotate(undefined, { now: true })
  b.house.changes.setHearing(true)
  t.strictSame(await b.jwks(), await a.jwks(), 'whoever asks for the keys waits for the look that hearing began')
  t.equal(kidOf(await issue(b.house, user)), await currentOf(a.house))
})

t.test('two nodes that rotate at once leave one current and one next key', onServer, async t => {
  const [a, b] = await nodes(t, true)
  await Promise.all([a, b, a].map(({ house }) => house.keys.rotate(undefined, { now: true })))
  const states = (await a.house.keys.list()).map(key => key.state).sort()
  t.strictSame(states, ['current', 'next', 'past', 'past', 'past'])
  const user = await newUser(a.house)
  const token = await issue(a.house, user)
  t.ok((await a.opens(token)) && (await b.opens(token)))
})

t.test('two nodes that rotate at once, without haste, agree on the key that waits', onServer, async t => {
  const [a, b] = await nodes(t, true)
  const rotated = await Promise.all([a, b, a].map(({ house }) => house.keys.rotate('EdDSA')))
  t.equal(new Set(rotated.map(key => key.id)).size, 1)
  t.strictSame(rotated.map(key => key.outcome).sort(), ['scheduled', 'waiting', 'waiting'])
})

t.test('two nodes that receive no changes sign with a scheduled key once it is due', onServer, async t => {
  const [a, b] = await nodes(t, false)
  const user = await newUser(a.house)
  const { id } = await a.house.keys.rotate('EdDSA')
  await a.house.db.query(
    `update oauth_signing_keys set created_at = created_at - interval '11 minutes',
     activated_at = activated_at - interval '11 minutes'`,
  )
  await Promise.all([a.house.keys.load(), b.house.keys.load()])
  const tokens = await Promise.all([a, b, a, b].map(({ house }) => issue(house, user)))
  t.strictSame(new Set(tokens.map(kidOf)), new Set([id]))
  const opened = await Promise.all(tokens.flatMap(token => [a.opens(token), b.opens(token)]))
  t.strictSame(new Set(opened), new Set([true]))
  t.strictSame((await b.house.keys.list()).map(key => key.state).sort(), ['current', 'next', 'past'])
})

t.test('a forged kid is looked up and no more', onServer, async t => {
  const [a, b] = await nodes(t, true)
  const token = await issue(a.house, await newUser(a.house))
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

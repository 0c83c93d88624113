import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { describeResource, expressGuard } from '../../packages/guard/src/adapters/express.ts'
import { honoGuard } from '../../packages/guard/src/adapters/hono.ts'
import { nodeGuard } from '../../packages/guard/src/adapters/node.ts'
import { createRemote, guard, protectedResource } from '../../packages/guard/src/index.ts'
import { actingAs, actingAsClient, createTestIssuer } from '../../packages/guard/src/testing/index.ts'
import { openPostern } from '../../src/index.ts'
import { accepts } from '../helpers/good.ts'

type Make = (options: never) => unknown
const good = { issuer: 'http://127.0.0.1:1', audience: 'https://orders.example.com', clientId: 'x', clientSecret: 'y' }
const nothing = [undefined, null, '', ' ', [], 7]

async function fastify(options: never) {
  const app = Fastify()
  await app.register(guard, options)
  await app.close()
}

const guards: Record<string, Make> = { fastify, expressGuard, honoGuard, nodeGuard, createRemote }
const settle = async (make: Make, options: object) => {
  const made = await make(options as never)
  await (made as { close?(): Promise<void> })?.close?.()
}
const refuses = (t: Test, make: Make, options: object, name: string, what = '') =>
  t.rejects(
    settle(make, options),
    { name: 'TypeError', message: new RegExp(`\\b${name.replace(/[[\].]/g, '\\$&')}\\b`) },
    `${name} ${what}`,
  )

for (const [how, make] of Object.entries(guards)) {
  t.test(`${how}: an option that decides security and says nothing stops the start`, async t => {
    for (const value of nothing) {
      for (const name of ['issuer', 'audience', 'clientId', 'clientSecret']) {
        await refuses(t, make, { ...good, [name]: value }, name, String(JSON.stringify(value)))
      }
    }
    for (const value of [
      'orders',
      '/orders',
      'https://orders.example.com/#part',
      ['https://a.example', null],
      [['x']],
    ]) {
      await refuses(t, make, { ...good, audience: value }, 'audience', JSON.stringify(value))
    }
    for (const value of [
      'id.example.com',
      'urn:example:id',
      'ftp://id.example.com',
      'https://id.example.com/?a',
      [good.issuer],
    ]) {
      await refuses(t, make, { ...good, issuer: value }, 'issuer', JSON.stringify(value))
    }
    for (const [name, value] of [
      ['maxStalenessSeconds', Number.NaN],
      ['maxStalenessSeconds', -1],
      ['maxStalenessSeconds', '60'],
      ['inherit', 'false'],
      ['cacheSize', 0],
      ['reportUsage', null],
    ] as const) {
      await refuses(t, make, { ...good, [name]: value }, name, String(value))
    }
    for (const [old, name] of [
      ['maxStaleness', 'maxStalenessSeconds'],
      ['remember', 'cacheSize'],
    ] as const) {
      await refuses(t, make, { ...good, [old]: 60 }, name, `in place of ${old}`)
    }
    const { clientSecret: _, ...half } = good
    await refuses(t, make, half, 'clientSecret', 'left out')
    const { clientId: __, ...other } = good
    await refuses(t, make, other, 'clientId', 'left out')
    const { issuer: ___, ...nowhere } = good
    await refuses(t, make, nowhere, 'issuer', 'left out')
    if (how !== 'createRemote') {
      for (const authenticate of nothing) await refuses(t, make, { authenticate }, 'authenticate', String(authenticate))
    }
    await t.resolves(settle(make, { ...good, audience: ['https://a.example', 'urn:example:b'] }), 'several are fine')
  })
}

t.test('a resource is named by a URL, and its issuers by theirs', async t => {
  const described = { resource: 'https://orders.example.com', authorizationServers: ['https://id.example.com'] }
  const register = async (options: never) => void (await Fastify().register(protectedResource, options))
  for (const make of [register, describeResource as Make]) {
    for (const value of [...nothing, 'orders']) {
      await refuses(t, make, { ...described, resource: value }, 'resource', String(value))
      await refuses(t, make, { ...described, authorizationServers: value }, 'authorizationServers', String(value))
      await refuses(t, make, { ...described, authorizationServers: [value] }, 'authorizationServers[0]'.slice(0, 20))
    }
    await refuses(t, make, { resource: described.resource }, 'authorizationServers')
  }
  t.notOk('scopes_supported' in describeResource({ ...described, scopes: [] }).metadata, 'an empty list is left out')
  for (const make of [expressGuard, honoGuard, nodeGuard] as Make[]) {
    for (const resource of [...nothing, 'orders']) {
      await refuses(t, make, { authenticate: accepts, resource }, 'resource', String(resource))
    }
    await refuses(t, make, { authenticate: accepts, onError: null }, 'onError')
  }
})

t.test('an embedded server that is given an empty option does not start with another', async t => {
  for (const name of ['issuer', 'audience', 'appKey', 'tokenPrefix', 'trustProxy', 'catalogue', 'dataDir']) {
    for (const value of [undefined, null, '']) await refuses(t, openPostern as Make, { [name]: value }, name)
  }
  for (const name of ['databaseUrl', 'metricsToken', 'initialAccessToken', 'redisUrl']) {
    for (const value of [null, '']) await refuses(t, openPostern as Make, { [name]: value }, name)
  }
})

t.test('what lets a test in says who', async t => {
  for (const audience of [...nothing, 'orders']) await refuses(t, createTestIssuer as Make, { audience }, 'audience')
  const app = Fastify()
  await app.register(guard, { authenticate: accepts })
  for (const value of [undefined, null, '', {}, { id: '' }]) {
    t.throws(() => actingAs(app, { user: value as never }), { name: 'TypeError', message: /\buser\b/ })
    t.throws(() => actingAsClient(app, { client: value as never }), { name: 'TypeError', message: /\bclient\b/ })
  }
  t.throws(() => actingAs(app, {} as never), { name: 'TypeError', message: /user is missing/ })
  for (const scopes of [undefined, null, '', 'orders:read', [''], [undefined]]) {
    t.throws(() => actingAs(app, { user: 'ada', scopes: scopes as never }), {
      name: 'TypeError',
      message: /\bscopes\b/,
    })
  }
})

import t from 'tap'
import { distrustKey, readPublicKey, trustKey } from '../../../src/imported/trusted-keys.ts'
import type { TestApp } from '../../helpers/app.ts'
import { fixture, fixturePath, importInto, importRig, until } from '../../helpers/imports.ts'
import { testNodes } from '../../helpers/nodes.ts'
import { basic, form } from '../../helpers/oauth.ts'

/** A JWT of another system is refused as soon as its key is distrusted, also one that was accepted before. */

const FOLDER = 'passport12'
const texts = fixture(FOLDER)
  .tokens.filter(({ plain, expect }) => plain.startsWith('ey') && expect.works && expect.user)
  .map(({ plain }) => plain)
const API = 'https://orders.example.com'

async function imported(t: Parameters<typeof testNodes>[0]) {
  const nodes = await testNodes(t, { audience: API })
  const [{ services }] = nodes
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const key = await readPublicKey(fixturePath(FOLDER, 'oauth-public.key'))
  await trustKey(services.bus, 'passport', key)
  const from = fixturePath(FOLDER, `${FOLDER}.sql`)
  await importInto(services, 'passport', from, { timeZone: 'Europe/Berlin' })
  return {
    nodes,
    services,
    key,
    async own({ app }: TestApp, text: string) {
      const { statusCode } = await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${text}` } })
      return { status: statusCode }
    },
    async isActive({ app }: TestApp, text: string): Promise<boolean> {
      const response = await form(app, '/oauth/introspect', { token: text }, basic(client.id, secret))
      return response.json().active
    },
  }
}

t.test('JWTs that every node has accepted are refused by all', async t => {
  const { nodes, services, key, own, isActive } = await imported(t)
  for (const node of nodes) {
    for (const text of texts) {
      await until(200, () => own(node, text))
      t.equal(await isActive(node, text), true)
    }
  }
  await distrustKey(services.bus, key.kid as string)
  for (const node of nodes) {
    for (const text of texts) {
      await until(401, () => own(node, text))
      t.equal(await isActive(node, text), false)
    }
  }
})

t.test('JWTs that are being verified meanwhile are refused afterwards', async t => {
  const { nodes, services, key, own, isActive } = await imported(t)
  const [node] = nodes
  for (const text of texts) {
    await trustKey(services.bus, 'passport', key)
    // Now the node knows the keys, so that the next texts are verified by them while they are distrusted.
    await own(node, `${text.slice(0, -6)}AAAAAA`)
    const asked = [own(node, text), isActive(node, text)]
    await distrustKey(services.bus, key.kid as string)
    await Promise.all(asked)
    t.equal((await own(node, text)).status, 401)
    t.equal(await isActive(node, text), false)
  }
})

t.test('a guard that has accepted a JWT refuses it too, until the key is trusted again', async t => {
  const { services, remote } = await importRig(t)
  const key = await readPublicKey(fixturePath(FOLDER, 'oauth-public.key'))
  await trustKey(services.bus, 'passport', key)
  await importInto(services, 'passport', fixturePath(FOLDER, `${FOLDER}.sql`), { timeZone: 'Europe/Berlin' })
  for (const text of texts) await until(200, () => remote(text))
  const distrusted = await distrustKey(services.bus, key.kid as string)
  for (const text of texts) await until(401, () => remote(text))
  t.strictSame(await distrustKey(services.bus, key.kid as string), distrusted, 'repeated after an interruption')
  await t.rejects(distrustKey(services.bus, 'unknown'), { message: /no such key/i })
  await trustKey(services.bus, 'passport', key)
  for (const text of texts) await until(200, () => remote(text))
})

import t from 'tap'
import { actingAs } from '../helpers/app.ts'
import { connected, eventually, type Node, ONLY_SHARED, openNodes, status } from './nodes.ts'

interface Revocation {
  what: string
  by: (node: Node, actor: Awaited<ReturnType<typeof actingAs>>) => Promise<unknown>
}

const REVOCATIONS: Revocation[] = [
  { what: 'a token is revoked', by: ({ services }, { user, id }) => services.tokens.revoke(user.id, id) },
  { what: 'all tokens of a user are revoked', by: ({ services }, { user }) => services.tokens.revokeAll(user.id) },
  {
    what: 'a token is suspended',
    by: ({ services }, { user, id }) => services.tokens.change(user, id, { suspended: true }),
  },
  { what: 'a user is disabled', by: ({ services }, { user }) => services.users.disable(user.id) },
]

for (const { what, by } of REVOCATIONS) {
  t.test(`${what} on one node, and the other refuses it`, ONLY_SHARED, async t => {
    const [here, there] = (await openNodes(t, 2)) as [Node, Node]
    const actor = await actingAs(here.services)
    const other = await actingAs(here.services)
    t.ok((await connected(here)) && (await connected(there)), 'both nodes hear')
    for (const node of [here, there, there]) t.equal(await status(node, actor.headers), 200)
    await by(here, actor)
    t.equal(await status(here, actor.headers), 401, 'at once on the node that did it')
    t.ok(await eventually(async () => (await status(there, actor.headers)) === 401, there), 'and then on the other')
    t.ok(there.services.bus.connected, 'which heard of it, and did not have to ask')
    for (const node of [here, there]) t.equal(await status(node, other.headers), 200, "nobody else's token is touched")
  })
}

t.test('a client is revoked on one node, and the other refuses its tokens', ONLY_SHARED, async t => {
  const [here, there] = (await openNodes(t, 2)) as [Node, Node]
  const { client, secret } = await here.services.clients.create({ name: 'Reporting' })
  const issued = await here.app.inject({
    method: 'POST',
    url: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client.id,
      client_secret: secret as string,
    }).toString(),
  })
  const headers = { authorization: `Bearer ${issued.json().access_token}` }
  t.ok((await connected(here)) && (await connected(there)))
  t.equal(await status(there, headers, '/api/tokens/current'), 200)
  t.equal(await status(there, headers, '/api/tokens/current'), 200, 'now from memory')
  await here.services.clients.revoke(client.id)
  const refused = async () => (await status(there, headers, '/api/tokens/current')) === 401
  t.ok(await eventually(refused, there))
})

t.test('scopes are changed on one node, and applied by the other', ONLY_SHARED, async t => {
  const [here, there] = (await openNodes(t, 2)) as [Node, Node]
  const { user, id, headers } = await actingAs(here.services, ['tokens:read'])
  t.ok((await connected(here)) && (await connected(there)))
  t.equal(await status(there, headers, '/api/tokens'), 200)
  await here.services.tokens.change(user, id, { scopes: ['orders:read'] })
  t.ok(await eventually(async () => (await status(there, headers, '/api/tokens')) === 403, there), 'fewer')
  await here.services.tokens.change(user, id, { scopes: ['tokens:read'] })
  t.ok(await eventually(async () => (await status(there, headers, '/api/tokens')) === 200, there), 'and more')
})

t.test('keys are rotated on one node, and the other signs with the new one', ONLY_SHARED, async t => {
  const [here, there] = (await openNodes(t, 2)) as [Node, Node]
  t.ok((await connected(here)) && (await connected(there)))
  const before = await actingAs(there.services)
  const next = await here.services.keys.rotate()
  const signedWith = async () => kid((await actingAs(there.services)).token)
  t.ok(await eventually(async () => (await signedWith()) === next.id, there))
  for (const node of [here, there])
    t.equal(await status(node, before.headers), 200, 'what was signed before still holds')
})

t.test('a thousand changes of one transaction are delivered', ONLY_SHARED, async t => {
  const [here, there] = (await openNodes(t, 2)) as [Node, Node]
  const { user, headers } = await actingAs(here.services)
  const more = Array.from({ length: 999 }, (_, i) => ({ user, name: `token ${i}` }))
  const issued = await Promise.all(more.map(token => here.services.tokens.issuePersonal(token)))
  t.ok((await connected(here)) && (await connected(there)))
  const last = { authorization: `Bearer ${issued.at(-1)?.plainText}` }
  for (const each of [headers, last]) t.equal(await status(there, each), 200)
  await here.services.tokens.revokeAll(user.id)
  for (const each of [headers, last]) {
    t.ok(await eventually(async () => (await status(there, each)) === 401, there))
  }
})

t.test('a rolled-back change is not published', ONLY_SHARED, async t => {
  const [here, there] = (await openNodes(t, 2)) as [Node, Node]
  const { user, id, headers } = await actingAs(here.services)
  t.ok((await connected(here)) && (await connected(there)))
  t.equal(await status(there, headers), 200)
  const { version } = there.services.bus
  await t.rejects(
    here.services.bus.transaction(async (em, publish) => {
      await em.execute('update oauth_access_tokens set revoked = true where id = ?', [id])
      publish({ kind: 'token', id })
      throw new Error('and then not')
    }),
    { message: 'and then not' },
  )
  await here.services.tokens.change(user, id, { name: 'a change that comes after it' })
  t.ok(await eventually(() => there.services.bus.version > version, there))
  t.equal(there.services.bus.version, version + 1, 'only the later one was told')
  for (const node of [here, there]) t.equal(await status(node, headers), 200)
})

const kid = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()).kid

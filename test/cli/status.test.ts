import t from 'tap'
import { readClusterStatus } from '../../src/status/cluster-status.ts'
import { connected, eventually, type Node, ONLY_SHARED, openNodes } from '../cluster/nodes.ts'
import { APP_KEY, actingAs } from '../helpers/app.ts'
import { type CommandLine, commandsOn, temporaryFolder } from './postern.ts'

t.test('an embedded database has one node, and nothing to open', async t => {
  const postern = commandsOn({ DATA_DIR: temporaryFolder(t) })
  t.same(await postern.json(['status']), { embedded: true, newest: null, nodes: [] })
  t.match(await postern.run(['status', '--watch']), { code: 0, stdout: /^The database is embedded: there is one node/ })
})

t.test('two nodes', ONLY_SHARED, async t => {
  const nodes = (await openNodes(t, 2)) as [Node, Node]
  const [one, two] = nodes
  for (const node of nodes) t.ok(await connected(node))
  const databaseUrl = one.services.config.databaseUrl as string
  const postern: CommandLine = commandsOn({ DATABASE_URL: databaseUrl, APP_KEY })
  const overview = () => readClusterStatus(one.services.db)
  const all = async () => (await overview()).nodes.filter(node => node.connected).length === 2
  t.ok(await eventually(all, one), 'both have said that they are there')

  t.test('a change is seen by both, and the time it took is told', async t => {
    const { user, id } = await actingAs(one.services)
    await one.services.tokens.revoke(user.id, id)
    t.ok(await eventually(async () => (await overview()).seenBy === 2, one))
    const { newest, seen_by, seen_in_ms, nodes } = await postern.json(['status'])
    t.equal(seen_by, 2)
    t.ok(seen_in_ms >= 0)
    for (const node of nodes) t.match(node, { sequence: newest.sequence, behind: 0, listening: true, readers: [] })
    const { stdout } = await postern.run(['status'])
    t.match(stdout, new RegExp(`^Change ${newest.sequence} of \\S+: seen by 2 of 2 nodes in [\\d.]+ ms$`, 'm'))
  })

  t.test('a reader of the feed stands beside its node', async t => {
    const { client } = await two.services.clients.create({ name: 'Orders API' })
    const end = await two.services.feed.follow(client.id, undefined, () => {})
    const told = async () => (await overview()).nodes.some(({ readers }) => readers[0]?.client_id === client.id)
    t.ok(await eventually(told, one))
    t.match((await postern.run(['status'])).stdout, new RegExp(`^${client.id} `, 'm'))
    end()
  })

  t.test('a node that ends says so', async t => {
    await two.app.close()
    await two.services.close()
    t.equal((await overview()).nodes.length, 1)
    t.equal((await postern.json(['status'])).nodes.length, 1)
  })
})

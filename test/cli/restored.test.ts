import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { oneProcess } from './one-process.ts'
import { ONE_LINE, serving } from './postern.ts'

const postern = await oneProcess(t)
const ISSUE = ['token', 'issue', '--user', 'ada@example.com', '--name', 'deploy']

t.test('after a restore by other tools, no list and no number is used again', async t => {
  const input = 'correct horse battery'
  await postern.run(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin'], { input })
  await postern.json(ISSUE)
  const listsOf = () =>
    postern.inside(({ db }) =>
      db.query<{ id: number; full: boolean }>('select id, reserved = size as full from oauth_status_lists'),
    )
  const before = await listsOf()
  t.ok(before.some(({ full }) => !full))
  const checked = await postern.json(['restored', '--check'])
  t.match(checked, { declared: false, last_audit_event: /T/, last_token: /T/, open_lists: Number })
  t.match(await postern.json(['restored']), { ...checked, declared: true, last_audit_event: /T/ })
  const after = await listsOf()
  t.ok(
    after.filter(({ id }) => before.some(old => old.id === id)).every(({ full }) => full),
    'the lists count as full',
  )
  const { data } = await postern.json(ISSUE)
  await postern.json(['token', 'revoke', data.id])
  await postern.inside(async ({ db }) => {
    const [row] = await db.query<{ list: number }>('select status_list as list from oauth_access_tokens where id = ?', [
      data.id,
    ])
    t.ok(Number(row?.list) > 1_000, 'its list has a number that no list had')
    const [event] = await db.query<{ last: string }>('select max(sequence)::text as last from oauth_status_events')
    t.ok(Number(event?.last) > 1_000_000_000)
  })
  const { data: trail } = await postern.json(['audit'])
  t.equal(trail.filter(({ kind }: { kind: string }) => kind === 'database.restored').length, 1)
})

t.test('it is refused while a node runs', { skip: !SERVER && 'one process only' }, async t => {
  const server = await serving(t, postern)
  let refused = await postern.run(['restored'])
  while (refused.code === 0) refused = await postern.run(['restored'])
  t.match(refused, { code: 1, stderr: ONE_LINE })
  t.match(refused.stderr, 'Stop them first')
  t.equal(await server.stop(), 0)
})

t.test('revocations are collected for the time, and from the clients, that were named', async t => {
  const clients = await postern.inside(async ({ clients }) => {
    const api = await clients.create({ name: 'Orders API', audience: 'https://orders.example.com' })
    return { api: api.client.id, app: (await clients.create({ name: 'An app' })).client.id }
  })
  const declaredAt = (await postern.json(['restored', '--check'])).collection.declared_at
  for (const [words, code, message] of [
    [['--collect', 'soon'], 2, /duration/],
    [['--collect-from', clients.api], 2, /needs --collect/],
    [['--collect', '--collect-from', 'me'], 2, /ID/],
    [['--reopen'], 2, /needs --collect/],
    [['--check', '--collect'], 2, /--check, --close or --collect/],
    [['--collect', '--collect-from', clients.app], 1, /no confidential client/],
    [['--reopen', '--collect', '--collect-from', clients.app], 1, /no confidential client/],
  ] as [string[], number, RegExp][]) {
    t.match(await postern.run(['restored', ...words]), { code, stderr: message }, words.join(' '))
  }
  t.match(await postern.json(['restored', '--check']), {
    collection: { declared_at: declaredAt, open: false, until: null, clients: null, recovered: [] },
  })
  const hours = async (words: string[]) => {
    const { collection, declared } = await postern.json(['restored', ...words])
    return { ...collection, declared, hours: Math.round((Date.parse(collection.until) - Date.now()) / 60_000) / 60 }
  }
  t.match(await hours(['--collect']), { declared: true, open: true, clients: null, hours: 1 })
  const again = await hours(['--reopen', '--collect', 'PT2H', '--collect-from', clients.api])
  t.match(again, { declared: false, open: true, clients: [clients.api], hours: 2 })
  await postern.inside(({ db }) =>
    db.query(
      `update settings set value = jsonb_set(value, '{recovered}', '{"${clients.api}": 7}') where name = 'restoration'`,
    ),
  )
  const shown = await postern.run(['restored', '--check'])
  t.match(shown.stdout, `Recovered since: 7 revocations.\n  7 from ${clients.api} Orders API\n`)
  t.match(shown.stdout, /collected until \d{4}-.*, from .*\nWhat cannot be known:\n.*restarted/)
  t.match(await postern.json(['restored', '--close']), {
    declared: false,
    collection: { open: false, recovered: [{ client_id: clients.api, revocations: 7 }] },
  })
  t.match((await postern.run(['restored', '--check'])).stdout, /Again: postern restored --reopen --collect/)
  t.match(await postern.json(['restored']), { declared: true, collection: { open: false, until: null, recovered: [] } })
})

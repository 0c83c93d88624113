import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { commandLine, ONE_LINE, serving } from './postern.ts'

const postern = await commandLine(t)
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

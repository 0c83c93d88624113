import t from 'tap'
import { oneProcess } from './one-process.ts'
import { ONE_LINE } from './postern.ts'

const postern = await oneProcess(t)
await postern.run(['user', 'create', '--email', 'ci@example.com', '--name', 'CI', '--password-stdin'], {
  input: 'correct horse battery',
})
const ADD = ['trusts', 'add', '--issuer', 'https://gitlab.com', '--user', 'ci@example.com', '--scope', 'orders:read']

t.test('add, list and remove', async t => {
  const claims = [
    '--match',
    'project_path=acme/shop',
    '--match',
    'ref=a=b',
    '--pin',
    'project_id',
    '--pin',
    'namespace_id',
  ]
  const { data } = await postern.json([...ADD, ...claims, '--lifetime', '10m'])
  t.match(data, {
    name: 'acme/shop',
    match: { project_path: 'acme/shop', ref: 'a=b' },
    pin: ['project_id', 'namespace_id'],
    lifetime: 600,
    scopes: ['orders:read'],
  })
  t.strictSame((await postern.json(['trusts', 'list'])).data, [data])
  t.match((await postern.run(['trusts', 'list'])).stdout, 'ref=a=b project_path=acme/shop')
  const removed = await postern.run(['trusts', 'remove', data.id])
  t.match(removed, { code: 0, stdout: 'Removed acme/shop; 0 tokens were revoked\n' })
  t.strictSame((await postern.json(['trusts', 'list'])).data, [])
  t.match(await postern.run(['trusts', 'remove', data.id]), { code: 1, stderr: ONE_LINE })
})

t.test('wrong usage', async t => {
  for (const words of [
    ['--match', 'project_path'],
    ['--match', 'a=b', '--match', 'a=c'],
    [],
    ['--match', 'a=b', '--client', 'x'],
  ]) {
    t.match(await postern.run([...ADD, ...words]), { code: 2, stderr: ONE_LINE }, words.join(' '))
  }
  const refused = await postern.run([...ADD, '--match', 'a=*', '--lifetime', '2h'])
  t.match(refused, { code: 1, stderr: ONE_LINE })
  t.match(refused.stderr, /--match .*--lifetime/)
})

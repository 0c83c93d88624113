import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { ONE_LINE, onEmptyDatabase } from './postern.ts'

t.test('it says what it applied, makes the keys and the client, and a second time nothing', async t => {
  const postern = await onEmptyDatabase(t)
  if (SERVER)
    t.match(await postern.run(['migrate', '--check']), { code: 2, stdout: /safe while nodes serve/, stderr: '' })
  const first = await postern.run(['migrate'])
  t.match(first, { code: 0, stdout: /^(Applied Migration\d+\n)+$/, stderr: '' })
  t.same(await postern.json(['migrate']), { applied: [] })
  t.equal((await postern.run(['migrate'])).stdout, 'The database is up to date.\n')
  t.same(await postern.json(['migrate', '--check']), { pending: [] })
  t.match((await postern.json(['keys', 'list'])).data, [{ state: 'current' }, { state: 'next' }])
  t.match((await postern.json(['client', 'list'])).data, [{ name: 'Personal access tokens' }])
})

t.test('two at once: one applies everything, the other nothing', { skip: !SERVER && 'one process only' }, async t => {
  const postern = await onEmptyDatabase(t)
  const one = { env: { DATABASE_POOL_SIZE: '1' } }
  const answers = await Promise.all([1, 2, 3].map(() => postern.json(['migrate'], one)))
  const applied = answers.map(answer => answer.applied.length).sort()
  t.match(applied, [0, 0, Number])
  t.ok(applied[2] > 0)
  t.equal((await postern.json(['keys', 'list'])).data.length, 2)
})

t.test('before it, a shared database is of no use', { skip: !SERVER && 'it migrates itself' }, async t => {
  const postern = await onEmptyDatabase(t)
  for (const words of [['user', 'list'], ['serve']]) {
    const { code, stdout, stderr } = await postern.run(words)
    t.same({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, ONE_LINE)
    t.match(stderr, 'Run: npx postern migrate')
  }
})

import t from 'tap'
import { oneProcess } from './one-process.ts'
import { hasTerminal, ONE_LINE, onTerminal } from './postern.ts'

const postern = await oneProcess(t)

/** Two tokens revoked and two expired: one of each a day ago, the other ten days ago; and a live one. */
function fillWithDeadTokens(): Promise<void> {
  return postern.inside(async ({ users, tokens, db }) => {
    const password = 'correct horse battery'
    const email = 'ada@example.com'
    const user = (await users.findByEmail(email)) ?? (await users.create({ email, name: 'Ada', password }))
    await tokens.revokeAll(user.id)
    await db.query('delete from oauth_access_tokens')
    for (const name of ['live', 'revoked 1', 'revoked 10', 'expired 1', 'expired 10']) {
      const { token } = await tokens.issuePersonal({ user, name, scopes: [] })
      const [what, days] = name.split(' ')
      const column = what === 'revoked' ? 'revoked = true, updated_at' : 'expires_at'
      const set = `update oauth_access_tokens set ${column} = now() - make_interval(days => ?) where id = ?`
      if (days) await db.query(set, [Number(days), token.id])
    }
  })
}

async function names(): Promise<string[]> {
  const { data } = await postern.json(['token', 'list', '--user', 'ada@example.com', '--all'])
  return data.map((token: { name: string }) => token.name).sort()
}

t.test('what has been dead for a week is deleted, and nothing else', async t => {
  await fillWithDeadTokens()
  t.same(await postern.json(['prune', '--dry-run']), { count: 2, dry_run: true })
  t.same(await postern.run(['prune']), { code: 0, stdout: 'Deleted 2 tokens\n', stderr: '' })
  t.same(await names(), ['expired 1', 'live', 'revoked 1'])
})

t.test('its options say what, and since when', async t => {
  await fillWithDeadTokens()
  t.same(await postern.json(['prune', '--revoked', '--hours', '2']), { count: 2, dry_run: false })
  t.same(await names(), ['expired 1', 'expired 10', 'live'])
  t.same(await postern.json(['prune', '--expired']), { count: 1, dry_run: false })
  t.same(await names(), ['expired 1', 'live'])
})

t.test('hours that are none are wrong usage', async t => {
  for (const hours of ['soon', '-1', '', 'Infinity']) {
    t.match(await postern.run(['prune', `--hours=${hours}`]), { code: 2, stdout: '', stderr: ONE_LINE })
  }
})

t.test('a terminal shows how far it is', { skip: !hasTerminal && 'there is no script(1)' }, async t => {
  await fillWithDeadTokens()
  const { code, shown } = await onTerminal(postern, ['prune'])
  t.equal(code, 0)
  t.match(shown, '100% | 2 of 2 tokens')
  t.match(shown, 'Deleted 2 tokens')
})

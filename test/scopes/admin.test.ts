import t from 'tap'
import { ADMIN_SCOPES, hasAdminScopeSql, isForRole, scopesForRole } from '../../src/scopes/admin.ts'
import { openTestDatabase } from '../helpers/database.ts'

t.test('administrative scopes are for administrators', async t => {
  t.strictSame(ADMIN_SCOPES, ['admin:read', 'admin:write'])
  t.strictSame(scopesForRole(['orders:read', ...ADMIN_SCOPES, '*'], 'user'), ['orders:read', '*'])
  t.strictSame(scopesForRole(['orders:read', ...ADMIN_SCOPES], 'admin'), ['orders:read', ...ADMIN_SCOPES])
  t.notOk(isForRole('admin:read', undefined))
})

t.test('the database states the rule for the same scopes', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  const functions = await db.query<{ text: string }>(
    `select pg_get_functiondef(oid) as text from pg_proc
     where pronamespace = 'public'::regnamespace and prosrc like '%admin:%'`,
    [],
  )
  t.ok(functions.length > 0, 'issue_tokens refuses them itself')
  for (const { text } of functions) t.strictSame([...new Set(text.match(/admin:\w+/g))].sort(), ADMIN_SCOPES)
  for (const scope of ['orders:read', '*', 'admin', ...ADMIN_SCOPES]) {
    const [row] = await db.query<{ found: boolean }>(
      `select ${hasAdminScopeSql('t.scopes')} as found from (select ?::jsonb as scopes) t`,
      [JSON.stringify(['user:read', scope])],
    )
    t.equal(row?.found, ADMIN_SCOPES.includes(scope), scope)
  }
})

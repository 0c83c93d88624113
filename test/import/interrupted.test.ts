import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { hashSecret } from '../../src/security/secrets.ts'
import type { Services } from '../../src/services.ts'
import { commandLine, PLAIN } from '../cli/postern.ts'
import { testServices } from '../helpers/app.ts'
import { SERVER } from '../helpers/database.ts'
import { importInto } from '../helpers/imports.ts'

const USERS = 40
const TOKENS = 6_000
const KILLS = 20

const folder = mkdtempSync(join(tmpdir(), 'postern-interrupted-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'rows.ndjson')
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
writeFileSync(
  file,
  [
    ...numbers(USERS).map(id => ({ table: 'users', row: { id, name: `User ${id}`, email: `user${id}@example.com` } })),
    ...numbers(TOKENS).map(id => ({
      table: 'personal_access_tokens',
      row: {
        id,
        tokenable_type: 'App\\Models\\User',
        tokenable_id: (id % USERS) + 1,
        name: `token ${id}`,
        token: hashSecret(`token ${id}`).toString('hex'),
        abilities: '["deploy"]',
        expires_at: '2035-01-01 00:00:00',
        created_at: '2026-01-01 00:00:00',
      },
    })),
  ]
    .map(row => JSON.stringify(row))
    .join('\n'),
)

/** What the import made, apart from ids that are random. */
const RESULT = `
  select r.source_id, u.email, t.name, t.scopes, encode(t.hash, 'hex') as hash, t.expires_at, t.created_at, t.revoked
  from oauth_imported_rows r join oauth_access_tokens t on t.id = r.row_id join users u on u.id = t.user_id
  where r.kind = 'token' order by r.source_id`

async function assertComplete(t: Test, { db }: Services): Promise<void> {
  const rows = await db.query(RESULT)
  t.equal(rows.length, TOKENS)
  const [counts] = await db.query<Record<string, number>>(`
    select (select count(*) from oauth_access_tokens)::int as tokens, (select count(*) from users)::int as users,
      (select count(distinct (status_list, status_index)) from oauth_access_tokens)::int as places,
      (select count(*) from audit_events where kind = 'token.imported')::int as events`)
  t.strictSame(counts, { tokens: TOKENS, users: USERS, places: TOKENS, events: TOKENS }, 'each once')
}

t.test('an import that fails at any statement and runs again ends the same', async t => {
  const services = await testServices(t)
  for (let failures = 0; failures < KILLS; failures++) {
    let left = Math.floor(Math.random() * 30)
    const fail = <T extends (...args: never[]) => unknown>(work: T) =>
      ((...args: never[]) => {
        if (left-- <= 0) throw new Error('interrupted')
        return work(...args)
      }) as unknown as T
    const { db } = services
    const broken = { ...db, call: fail(db.call), transaction: fail(db.transaction) }
    await importInto({ ...services, db: broken }, 'sanctum', file).catch(error => t.equal(error.message, 'interrupted'))
  }
  await importInto(services, 'sanctum', file)
  await assertComplete(t, services)
})

const skip = !SERVER && 'nobody can look into an embedded database while a command uses it'

t.test('an import that is killed at any point and run again ends the same', { skip }, async t => {
  const command = await commandLine(t)
  const watch = new pg.Client({ connectionString: command.env.DATABASE_URL as string })
  await watch.connect()
  t.teardown(() => watch.end())
  const imported = async () => Number((await watch.query('select count(*) from oauth_imported_rows')).rows[0].count)
  const args = [resolve(import.meta.dirname, '../../bin/postern.js'), 'import', 'sanctum', '--from', file]
  for (let kills = 0; kills < KILLS; kills++) {
    const [program, ...first] = PLAIN
    const child = spawn(program as string, [...first, process.execPath, ...args, '--users', 'create'], {
      env: command.env,
    })
    const ended = once(child, 'close')
    const limit = Math.random() * (USERS + TOKENS)
    while (child.exitCode === null && (await imported()) < limit) await new Promise(resolve => setTimeout(resolve, 5))
    child.kill('SIGKILL')
    await ended
  }
  await command.json(['import', 'sanctum', '--from', file, '--users', 'create'])
  await command.inside(services => assertComplete(t, services))
})

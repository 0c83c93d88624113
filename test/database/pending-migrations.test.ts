import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { pendingMigrations } from '../../src/database/pending-migrations.ts'
import { openTestDatabase } from '../helpers/database.ts'

const FOLDER = resolve(import.meta.dirname, '../../migrations')
/** Those before are of the first release, and no release ran without them. */
const FIRST_CHECKED = 'Migration20261129185200'
/** Statements that nodes of the previous release may not survive, unless a comment in the migration says why they do. */
const CONTRACTS = /\bdrop (table|column)\b|\bdrop "|\brename\b|\bset not null\b|\btype \w+ using\b/i

t.test('migrations after the first release extend the schema, or say why they need a stop', async t => {
  for (const file of readdirSync(FOLDER).filter(name => name.endsWith('.ts') && name >= FIRST_CHECKED)) {
    const source = readFileSync(join(FOLDER, file), 'utf8')
    const up = source.split('override down()')[0] as string
    t.ok(!CONTRACTS.test(up) || /static readonly needsStop = '/.test(source), `${file} declares needsStop`)
  }
})

t.test('a migration that needs a stop says why; the others do not', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  t.strictSame(await pendingMigrations(db), [])
  const folder = t.testdir({})
  const write = (name: string, mark: string) =>
    writeFileSync(join(folder, `${name}.ts`), `export class ${name} {\n${mark}\n}\n`)
  write('Migration29990101000000', '')
  write('Migration29990101000001', "static readonly needsStop = 'drops a column that the previous release reads'")
  const { migrations } = db.orm.config.getAll()
  db.orm.config.set('migrations', { ...migrations, path: folder })
  t.strictSame(await pendingMigrations(db), [
    { name: 'Migration29990101000000', needsStop: null },
    { name: 'Migration29990101000001', needsStop: 'drops a column that the previous release reads' },
  ])
})

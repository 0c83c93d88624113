import { Migrator } from '@mikro-orm/migrations'
import t from 'tap'
import { openTestDatabase } from '../helpers/database.ts'

t.test('a migrated database matches the entities', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  t.strictSame(await new Migrator(db.orm.em).getPending(), [], 'no migration is pending')
  t.equal(await db.orm.schema.getUpdateSchemaSQL({ wrap: false }), '', 'npm run migration:create would write nothing')
})

t.test('the snapshot matches the entities', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  t.notOk(await new Migrator(db.orm.em).checkSchema(), 'npm run migration:create would start from the truth')
})

t.test('migrating again changes nothing', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  t.strictSame(await new Migrator(db.orm.em).up(), [])
})

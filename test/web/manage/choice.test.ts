import t from 'tap'
import { createInvalidationBus } from '../../../src/cluster/invalidation-bus.ts'
import { createUsers } from '../../../src/users/users.ts'
import { userOf } from '../../../src/web/manage/filter.ts'
import { openTestDatabase } from '../../helpers/database.ts'

t.test('a database that is away is not taken for a user that is not there', async t => {
  const db = await openTestDatabase(t)
  const users = createUsers(db, createInvalidationBus(db))
  const statusOf = (given: string) => userOf(users, given).catch(error => error.status)
  const id = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'
  t.equal(await statusOf(id), 400)
  t.equal(await statusOf('nobody@example.com'), 400)
  await db.close()
  t.equal(await statusOf(id), 503)
  t.equal(await statusOf('nobody@example.com'), 503)
})

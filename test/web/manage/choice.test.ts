import t from 'tap'
import { createUserIds } from '../../../src/users/user-ids.ts'
import { createUsers } from '../../../src/users/users.ts'
import { userOf } from '../../../src/web/manage/filter.ts'
import { openTestDatabase } from '../../helpers/database.ts'

t.test('an unavailable database is not reported as an unknown user', async t => {
  const db = await openTestDatabase(t)
  const users = createUsers({
    db,
    change: () => Promise.reject(new Error('nothing is changed')),
    hashKinds: async () => [],
    config: { passwords: 'on', devisePepper: undefined },
  })
  const statusOf = (given: string) => userOf({ ...users, ...createUserIds(db) }, given).catch(error => error.status)
  const id = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'
  t.equal(await statusOf(id), 422)
  t.equal(await statusOf('nobody@example.com'), 422)
  await db.close()
  t.equal(await statusOf(id), 503)
  t.equal(await statusOf('nobody@example.com'), 503)
})

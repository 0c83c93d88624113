import t from 'tap'
import { createOwnUserRows } from '../../src/users/own-user-rows.ts'
import type { User } from '../../src/users/user.entity.ts'
import { testServices } from '../helpers/app.ts'

const services = await testServices(t)
const { db, changeUser } = services
const forget = async () => t.fail('nobody came back')
const GONE = () => ({ profile: undefined, askedAt: Date.now(), validUntil: Date.now() + 1_000 })

t.test('an answer is stored although somebody changes the user at the same time', async t => {
  let changes = 1
  const rows = createOwnUserRows(
    db,
    async (...call) => {
      if (changes-- > 0) await services.ownUsers.enable('42')
      return changeUser(...call)
    },
    forget,
  )
  const { id }: User = await rows.insert('42')
  // As before the change that comes in between.
  await db.query(`update users set updated_at = now() - interval '1 minute' where id = ?`, [id])
  await rows.store('42', GONE())
  t.match(await rows.find('42'), { disabledAt: Date, disabledByApplication: true })
  await services.ownUsers.enable('42')

  const always = createOwnUserRows(
    db,
    async (...call) => {
      await db.query(`update users set updated_at = updated_at + interval '1 second' where id = ?`, [id])
      return changeUser(...call)
    },
    forget,
  )
  await t.rejects(always.store('42', GONE()), { status: 503, message: /./ }, 'and is not used if that is impossible')
})

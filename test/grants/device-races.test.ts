import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { ask, poll, television, typed } from '../helpers/device.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { testNodes } from '../helpers/nodes.ts'

const ROUNDS = 5
const [one, other] = await testNodes(t)
const tv = await television(one.services)
const user = await newUser(one.services)

t.test('twenty at once on two servers: one gets a token', async t => {
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = (await ask(one.app, tv)).json()
    await other.services.device.approve((await typed(other.services, waiting)).id, user)
    const tries = Array.from({ length: 20 }, (_, i) => poll((i % 2 ? one : other).app, tv, waiting))
    const answers = await Promise.all(tries)
    const won = answers.filter(a => a.statusCode === 200)
    t.equal(won.length, 1)
    t.equal(answers.filter(a => a.statusCode === 400 && a.json().error === 'invalid_grant').length, 19)
    t.equal(await opens(other.app, won[0]?.json().access_token), 200)
  }
})

t.test('redeeming beside signing out everywhere: nothing lives', async t => {
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = (await ask(one.app, tv)).json()
    await one.services.device.approve((await typed(one.services, waiting)).id, user)
    const [answer] = await Promise.all([poll(other.app, tv, waiting), one.services.signOut(user.id)])
    const [row] = await one.services.db.query<{ alive: number }>(
      'select count(*)::int as alive from oauth_access_tokens where user_id = ? and not revoked',
      [user.id],
    )
    t.equal(row?.alive, 0)
    if (answer.statusCode === 200) t.equal(await opens(other.app, answer.json().access_token), 401)
    else t.match(answer.json(), { error: 'access_denied' })
  }
})
